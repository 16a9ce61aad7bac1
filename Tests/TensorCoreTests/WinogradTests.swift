import TensorCore
import Testing

/// 3x3 convolutions in float32 that are computed at Winograd's points.
@Suite struct WinogradTests {
  private static func context(_ level: InstructionSet, _ threads: Int = 2) throws -> ComputeContext
  {
    try ComputeContext(instructionSet: level, threadCount: threads)
  }

  private static func convolution(
    _ inputs: Int, _ outputs: Int, padding: Int = 1, on context: ComputeContext
  ) throws -> Convolution {
    try Convolution(
      weight: ConvolutionTests.tensor([outputs, inputs, 3, 3], seed: 2),
      bias: ConvolutionTests.tensor([outputs], seed: 3),
      geometry: .init(padding: [0, padding, padding]), arithmetic: .f32, on: context)
  }

  /// Sums in double, of inputs `max(x * multiply + add, 0)`.
  private static func plainSums(
    _ x: Tensor, _ convolution: Convolution, multiply: Tensor, add: Tensor, padding: Int
  ) throws -> [Double] {
    let weight = try ConvolutionTests.tensor(
      [convolution.outputChannels, convolution.inputChannels, 3, 3], seed: 2
    ).floats()
    let bias = try #require(convolution.bias).floats()
    let (inputs, outputs) = (convolution.inputChannels, convolution.outputChannels)
    let (height, width) = (x.shape[1], x.shape[2])
    let (factors, terms) = (try multiply.floats(), try add.floats())
    let pixels = try x.floats().enumerated().map { index, value in
      max(0, Double(value * factors[index % inputs] + terms[index % inputs]))
    }
    let (rows, columns) = (height + 2 * padding - 2, width + 2 * padding - 2)
    var sums: [Double] = []
    for frame in 0..<x.shape[0] {
      for position in 0..<rows * columns {
        var totals = bias.map(Double.init)
        for tap in 0..<9 {
          let row = position / columns - padding + tap / 3
          let column = position % columns - padding + tap % 3
          guard (0..<height).contains(row), (0..<width).contains(column) else { continue }
          let pixel = ((frame * height + row) * width + column) * inputs
          for output in 0..<outputs {
            for input in 0..<inputs {
              totals[output] +=
                pixels[pixel + input] * Double(weight[(output * inputs + input) * 9 + tap])
            }
          }
        }
        sums += totals
      }
    }
    return sums
  }

  @Test(arguments: InstructionSet.available, [0, 1, 2])
  func errorStaysBelowAHundredThousandth(level: InstructionSet, padding: Int) throws {
    let context = try Self.context(level)
    let x = try ConvolutionTests.tensor([2, 18, 23, 35], seed: 1)
    let multiply = try ConvolutionTests.tensor([35], seed: 5)
    let add = try ConvolutionTests.tensor([35], seed: 6)
    let convolution = try Self.convolution(35, 50, padding: padding, on: context)
    let got = try convolution(
      x, prologue: .init(multiply: multiply, add: add, activation: .relu)
    ).floats()
    let want = try Self.plainSums(
      x, convolution, multiply: multiply, add: add, padding: padding)
    #expect(got.count == want.count)
    let largest = want.reduce(0) { max($0, abs($1)) }
    let error = zip(got, want).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
    #expect(error <= 1e-5 * largest)
  }

  @Test(arguments: InstructionSet.available)
  func sameBytesHoweverManyThreadsAndFrames(level: InstructionSet) throws {
    let x = try ConvolutionTests.tensor([5, 17, 26, 40], seed: 1)
    let residual = try ConvolutionTests.tensor([5, 17, 26, 130], seed: 4)
    let results = try [1, 4].map { threads in
      let convolution = try Self.convolution(40, 130, on: Self.context(level, threads))
      return try convolution(
        x, prologue: .init(activation: .relu), epilogue: .init(residual: residual, last: .relu)
      ).floats()
    }
    #expect(results[0].elementsEqual(results[1]))
    let convolution = try Self.convolution(40, 130, on: Self.context(level))
    let singly = try (0..<5).flatMap { frame in
      try convolution(
        x.sliced(frame..<frame + 1), prologue: .init(activation: .relu),
        epilogue: .init(residual: residual.sliced(frame..<frame + 1), last: .relu)
      ).floats()
    }
    #expect(results[0].elementsEqual(singly))
  }

  /// Pictures that were made ready beforehand give what the clip gives.
  @Test(arguments: InstructionSet.available)
  func paddedFramesGiveTheSameBytes(level: InstructionSet) throws {
    let context = try Self.context(level)
    let x = try ConvolutionTests.tensor([2, 20, 21, 24], seed: 1)
    let multiply = try ConvolutionTests.tensor([24], seed: 5)
    let convolution = try Self.convolution(24, 20, on: context)
    let prologue = PixelPrologue(multiply: multiply, add: multiply, activation: .relu)
    let whole = try convolution(x, prologue: prologue).floats()
    let frames = try convolution.padded(x, prologue: prologue)
    let ready = try convolution.convolve(frames, rows: 20, columns: 21, framePadding: 0).floats()
    #expect(whole.elementsEqual(ready))
  }

  /// Into other channels of the tensor that is read, and over the input itself.
  @Test func outputMayShareTheInputsMemory() throws {
    let context = try Self.context(.best)
    let x = try ConvolutionTests.tensor([1, 20, 20, 32], seed: 1)
    let convolution = try Self.convolution(32, 32, on: context)
    let want = try convolution(x).floats()

    let wide = try Tensor(zeros: [1, 20, 20, 64], dtype: .f32)
    let (first, second) = (wide.sliced(0..<32, axis: 3), wide.sliced(32..<64, axis: 3))
    let target = wide.pointer.assumingMemoryBound(to: Float.self)
    for (index, value) in try x.floats().enumerated() {
      target[index / 32 * 64 + index % 32] = value
    }
    _ = try convolution(first, output: second)
    #expect(try second.contiguous().floats().elementsEqual(want))

    _ = try convolution(first, output: first)
    #expect(try first.contiguous().floats().elementsEqual(want))
  }
}
