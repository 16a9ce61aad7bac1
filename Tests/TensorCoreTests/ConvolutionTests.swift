import TensorCore
import Testing

@Suite struct ConvolutionTests {
  static func tensor(_ axes: [Int], seed: UInt64) throws -> Tensor {
    let shape = Shape(axes)
    return try Tensor(MatrixProductTests.values(shape.count, seed: seed), shape: shape)
  }

  static let arithmetics: [Arithmetic] = [.f32, .bf16]

  @Test(arguments: InstructionSet.available, arithmetics)
  func sameBytesForAnyThreadCount(level: InstructionSet, arithmetic: Arithmetic) throws {
    let x = try Self.tensor([3, 19, 33, 24], seed: 1)
    let weight = try Self.tensor([50, 24, 3, 3, 3], seed: 2)
    let gamma = try Self.tensor([24], seed: 3)
    let results = try [1, 2, 4].map { threads in
      let context = try ComputeContext(instructionSet: level, threadCount: threads)
      let convolution = try Convolution(
        weight: weight, geometry: .causal(kernel: [3, 3, 3]), arithmetic: arithmetic, on: context)
      return try convolution(
        x, prologue: .init(normalizes: true, multiply: gamma, activation: .silu)
      ).floats()
    }
    for result in results { #expect(result == results[0]) }
    #expect(results[0].contains { $0 != 0 })
  }

  @Test(arguments: InstructionSet.available, arithmetics)
  func framesOneByOneGiveTheWholeClip(level: InstructionSet, arithmetic: Arithmetic) throws {
    let context = try ComputeContext(instructionSet: level, threadCount: 2)
    let x = try Self.tensor([7, 6, 20, 32], seed: 1)
    let residual = try Self.tensor([7, 6, 20, 40], seed: 4)
    let convolution = try Convolution(
      weight: try Self.tensor([40, 32, 3, 3, 3], seed: 2), bias: try Self.tensor([40], seed: 3),
      geometry: .causal(kernel: [3, 3, 3]), arithmetic: arithmetic, on: context)
    let prologue = PixelPrologue(normalizes: true, activation: .silu)
    let whole = try convolution(x, prologue: prologue, epilogue: .init(residual: residual)).floats()
    for chunks in [[1, 1, 1, 1, 1, 1, 1], [1, 4, 2], [3, 4]] {
      var cache = CausalFrameCache()
      var streamed: [Float] = []
      var start = 0
      for count in chunks {
        let part = start..<(start + count)
        streamed += try convolution(
          x.sliced(part), prologue: prologue, cache: &cache,
          epilogue: .init(residual: residual.sliced(part))
        ).floats()
        start += count
      }
      #expect(streamed == whole, "in chunks of \(chunks)")
    }
  }

  /// A memory block's input: a frame beside the one before it, zeros before the first.
  @Test(arguments: InstructionSet.available)
  func sourcesStandOneAfterAnother(level: InstructionSet) throws {
    let context = try ComputeContext(instructionSet: level, threadCount: 2)
    let x = try Self.tensor([2, 5, 6, 7], seed: 1)
    let joined = try Tensor(zeros: [2, 5, 6, 14], dtype: .f32)
    let values = try x.floats()
    let target = joined.pointer.assumingMemoryBound(to: Float.self)
    for pixel in 0..<60 {
      for channel in 0..<7 {
        target[pixel * 14 + channel] = values[pixel * 7 + channel]
        if pixel >= 30 { target[pixel * 14 + 7 + channel] = values[(pixel - 30) * 7 + channel] }
      }
    }
    for arithmetic in Self.arithmetics {
      let convolution = try Convolution(
        weight: try Self.tensor([9, 14, 3, 3], seed: 2),
        geometry: .init(padding: [0, 1, 1]), arithmetic: arithmetic, on: context)
      let frames = try (0..<2).map { try x.sliced($0..<($0 + 1)).reshaped([5, 6, 7]) }
      let padded = try convolution.padded(
        [
          [PixelSource(frames[0]), PixelSource(zeros: 7)],
          [PixelSource(frames[1]), PixelSource(frames[0])],
        ], rows: 5, columns: 6)
      let got = try convolution.convolve(padded, rows: 5, columns: 6, framePadding: 0).floats()
      #expect(try got == convolution(joined, epilogue: .init()).floats())
    }
  }

  /// A result may go into some channels of a wider tensor, and on top of itself.
  @Test func writesIntoAView() throws {
    let x = try Self.tensor([1, 4, 5, 8], seed: 1)
    let convolution = try Convolution(
      weight: try Self.tensor([6, 8, 1, 1], seed: 2), arithmetic: .f32)
    let plain = try convolution(x).floats()
    let wide = try Tensor(zeros: [1, 4, 5, 11], dtype: .f32)
    let view = wide.sliced(3..<9, axis: 3)
    _ = try convolution(x, output: view)
    _ = try convolution(x, epilogue: .init(residual: view), output: view)
    let values = try wide.floats()
    for position in 0..<20 {
      for channel in 0..<11 {
        let inside = (3..<9).contains(channel)
        let want = inside ? 2 * plain[position * 6 + channel - 3] : 0
        #expect(abs(values[position * 11 + channel] - want) <= 1e-6)
      }
    }
  }

  @Test func reportsWhatDoesNotFit() throws {
    let weight = try Self.tensor([6, 4, 3, 3], seed: 1)
    #expect(throws: TensorError.self) {
      try Convolution(weight: weight, geometry: .init(stride: [1, 0, 1]), arithmetic: .f32)
    }
    #expect(throws: TensorError.self) {
      try Convolution(weight: weight, geometry: .init(groups: 4), arithmetic: .f32)
    }
    #expect(throws: TensorError.unsupportedType(operation: "convolution", found: .i8)) {
      try Convolution(weight: weight, arithmetic: .int8)
    }
    #expect(throws: TensorError.self) {
      try Convolution(weight: weight, bias: try Self.tensor([5], seed: 2), arithmetic: .f32)
    }
    #expect(throws: TensorError.self) {
      try Convolution(
        weight: weight,
        geometry: .init(stride: [1 << 20, 1 << 20, 1 << 20], isTransposed: true), arithmetic: .f32)
    }
    let convolution = try Convolution(
      weight: weight, geometry: .init(padding: [0, 1 << 20, 1 << 20]), arithmetic: .f32)
    #expect(throws: TensorError.self) { try convolution(Self.tensor([1, 5, 5, 3], seed: 3)) }
    #expect(throws: TensorError.self) { try convolution(Self.tensor([5, 5, 4], seed: 3)) }
    var cache = CausalFrameCache()
    let later = try Convolution(
      weight: try Self.tensor([2, 2, 3, 1, 1], seed: 4), arithmetic: .f32)
    #expect(throws: TensorError.self) {
      try later(Self.tensor([1, 2, 2, 2], seed: 5), cache: &cache)
    }
  }

  @Test func channelOrderRoundTrips() throws {
    for axes in [[3, 70, 90], [130, 2, 3, 5], [1, 4], [5, 0, 2]] {
      let x = try Self.tensor(axes, seed: 1)
      let last = try x.channelsLast()
      #expect(last.shape.axes == Array(axes.dropFirst()) + [axes[0]])
      #expect(try last.floats() == x.permuted(Array(1..<axes.count) + [0]).floats())
      #expect(try last.channelsFirst().floats() == x.floats())
      let rounded = try x.channelsLast(.bf16)
      #expect(try rounded.floats() == last.converted(to: .bf16).floats())
    }
  }
}
