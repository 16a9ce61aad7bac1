import TensorCore
import Testing

/// Inputs and comparisons of the tests of operations.
enum TestTensors {
  /// Repeatable numbers in -scale ..< scale.
  static func values(_ count: Int, scale: Float = 1, seed: UInt64 = 1) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (Float(state >> 40) * 0x1p-23 - 1) * scale
    }
  }

  static func tensor(
    _ shape: Shape, scale: Float = 1, seed: UInt64 = 1, dtype: DType = .f32
  ) throws -> Tensor {
    try Tensor(values(shape.count, scale: scale, seed: seed), shape: shape).converted(to: dtype)
  }

  /// Contexts of 1, 2 and 4 threads at every level of this machine.
  static func contexts() throws -> [ComputeContext] {
    try InstructionSet.available.flatMap { level in
      try [1, 2, 4].map { try ComputeContext(instructionSet: level, threadCount: $0) }
    }
  }

  /// The bytes of a tensor's elements.
  static func bytes(_ tensor: Tensor) throws -> [UInt8] {
    let source = try tensor.contiguous()
    return withExtendedLifetime(source) {
      [UInt8](UnsafeRawBufferPointer(start: source.pointer, count: source.byteCount))
    }
  }

  /// Runs an operation with 1, 2 and 4 threads at each level, expects equal bits within a level, and
  /// returns the result of each level.
  static func resultsOfLevels(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ operation: (ComputeContext) throws -> Tensor
  ) throws -> [Tensor] {
    let contexts = try contexts()
    var results: [Tensor] = []
    for first in stride(from: 0, to: contexts.count, by: 3) {
      let result = try operation(contexts[first])
      let expected = try bytes(result)
      for context in contexts[first + 1...first + 2] {
        #expect(
          try bytes(operation(context)) == expected,
          "\(context.instructionSet) with \(context.pool.threadCount) threads differs",
          sourceLocation: sourceLocation)
      }
      results.append(result)
    }
    return results
  }

  /// Expects every element within a bound; names the worst.
  static func expectClose(
    _ got: Tensor, _ want: [Float], absolute: Float = 0, relative: Float = 0,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let values = try got.floats()
    try #require(values.count == want.count, sourceLocation: sourceLocation)
    var worst = (excess: -Float.infinity, index: 0)
    for (index, pair) in zip(values, want).enumerated() {
      if pair.0.isNaN && pair.1.isNaN || pair.0 == pair.1 { continue }
      let excess = abs(pair.0 - pair.1) - absolute - relative * abs(pair.1)
      if !(excess <= worst.excess) { worst = (excess.isNaN ? .infinity : excess, index) }
    }
    #expect(
      worst.excess <= 0,
      "element \(worst.index) of \(got.shape): \(values.isEmpty ? 0 : values[worst.index]), expected \(want.isEmpty ? 0 : want[worst.index])",
      sourceLocation: sourceLocation)
  }
}
