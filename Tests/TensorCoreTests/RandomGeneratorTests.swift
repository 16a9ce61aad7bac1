import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct RandomGeneratorTests {
  @Test func otherTypesAreRefused() {
    var generator = MersenneGenerator(seed: 0)
    #expect(throws: TensorError.unsupportedType(operation: "normal", found: .f16)) {
      try generator.normal([3], dtype: .f16)
    }
  }

  /// Compares with printed values.
  private func expectClose(
    _ got: [Float], _ want: [Float], _ bound: Float,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(got.count == want.count, sourceLocation: sourceLocation)
    for (index, pair) in zip(got, want).enumerated() {
      #expect(
        abs(pair.0 - pair.1) <= bound, "value \(index): \(pair.0), expected \(pair.1)",
        sourceLocation: sourceLocation)
    }
  }

  /// Values published in the documentation of stable-diffusion-webui's `rng_philox`, eight digits.
  @Test func philoxSeed0() throws {
    var generator = PhiloxGenerator(seed: 0)
    expectClose(
      try generator.normal([3, 4]).floats(),
      [
        -0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564, -0.62285122,
        -0.32838709, -1.07454231, -0.36314407, -1.67105067, 2.26550497,
      ], 1e-6)
  }

  /// `torch.manual_seed(42)` on a GPU, as printed (four digits) in public notebooks and issues; two
  /// further draws from the same generator.
  @Test func philoxSeed42() throws {
    var generator = PhiloxGenerator(seed: 42)
    expectClose(
      try generator.normal([2, 5]).floats(),
      [0.1940, 2.1614, -0.1721, 0.8491, -1.9244, 0.6530, -0.6494, -0.8175, 0.5280, -1.2753], 6e-5)
    expectClose(try generator.normal([4]).floats(), [0.1391, -0.1082, -0.7174, 0.7566], 6e-5)
    expectClose(try generator.normal([4]).floats(), [-0.5187, 1.2268, 0.6255, -0.9117], 6e-5)
  }

  @Test func philoxNumbersBelowAGridDoNotDependOnIt() throws {
    var first = PhiloxGenerator(seed: 7)
    var second = PhiloxGenerator(
      seed: 7, gpu: .other(multiprocessors: 16, threadsPerMultiprocessor: 1024))
    let count = 16 * 1024
    let one = try first.normal([count]).floats()
    #expect(one == (try second.normal([count]).floats()))
    let mean = one.reduce(0, +) / Float(count)
    let square = one.reduce(0) { $0 + $1 * $1 } / Float(count)
    // Four standard errors: 4 / sqrt(n), and 4 * sqrt(2 / n).
    #expect(abs(mean) < 0.032 && abs(square - 1) < 0.045)
  }

  /// Beyond a grid, thread t takes elements t, t + grid, t + 2 grid and t + 3 grid from one block.
  @Test func philoxNumbersBeyondAGrid() throws {
    let gpu = PhiloxGenerator.GPU.other(multiprocessors: 1, threadsPerMultiprocessor: 256)
    var generator = PhiloxGenerator(seed: 42, gpu: gpu)
    let all = try generator.normal([256 * 9 + 3]).floats()
    var wide = PhiloxGenerator(seed: 42)
    // Element 0 of draw k in a wide grid is the first of four numbers of block k.
    for round in 0..<3 {
      let first = try wide.normal([256]).floats()
      let start = 256 * 4 * round
      #expect(Array(all[start..<min(start + 256, all.count)]) == Array(first.prefix(256)))
    }
    #expect(Set(all).count > all.count - 3)
    // Three rounds of four numbers have been taken from every subsequence.
    #expect(try generator.normal([5]).floats() == wide.normal([5]).floats())
  }

  @Test func emptyDrawsTakeNothing() throws {
    var philox = PhiloxGenerator(seed: 1)
    var mersenne = MersenneGenerator(seed: 1)
    #expect(try philox.normal([0]).count == 0)
    #expect(try mersenne.normal([0]).count == 0)
    var other = PhiloxGenerator(seed: 1)
    #expect(try philox.normal([3]).floats() == other.normal([3]).floats())
  }
}
