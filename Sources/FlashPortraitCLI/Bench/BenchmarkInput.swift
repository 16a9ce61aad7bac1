import TensorCore

/// Inputs of benchmarks: values in [-1, 1) from a fixed sequence, the same in every run.
enum BenchmarkInput {
  /// - Parameter seed: tells inputs of one benchmark apart.
  /// - Throws: `TensorError.outOfMemory` where the machine has not that much free.
  static func tensor(
    _ shape: Shape, _ dtype: DType, seed: UInt64, on context: ComputeContext
  ) throws -> Tensor {
    try checkMemory(shape, dtype)
    let result = try Tensor(uninitialized: shape, dtype: dtype)
    let chunk = 1 << 16
    let scratch = try Tensor(uninitialized: [context.pool.threadCount, chunk], dtype: .f32)
    let pieces = shape.count.dividedUp(by: chunk)
    let flat = try result.reshaped([shape.count])
    for first in stride(from: 0, to: pieces, by: context.pool.threadCount) {
      let count = min(context.pool.threadCount, pieces - first)
      let values = scratch.pointer.assumingMemoryBound(to: Float.self)
      context.pool.forEach(count) { index in
        fill(values + index * chunk, chunk, seed: seed &+ UInt64(first + index) &* 0x9E37_79B9)
      }
      let range = first * chunk..<min((first + count) * chunk, shape.count)
      let piece = try scratch.reshaped([scratch.count]).sliced(0..<range.count)
      let converted = try piece.converted(to: dtype, on: context)
      flat.sliced(range).pointer.copyMemory(
        from: converted.pointer, byteCount: converted.byteCount)
    }
    return result
  }

  /// Signed bytes over the whole range of 8-bit weights.
  static func bytes(_ shape: Shape, seed: UInt64) throws -> Tensor {
    try checkMemory(shape, .i8)
    let result = try Tensor(uninitialized: shape, dtype: .i8)
    var state = seed
    let values = result.pointer.assumingMemoryBound(to: Int8.self)
    for index in 0..<shape.count {
      values[index] = Int8(truncatingIfNeeded: Int(next(&state) % 255) - 127)
    }
    return result
  }

  /// Linux promises more memory than it has and ends a process that believes it.
  private static func checkMemory(_ shape: Shape, _ dtype: DType) throws {
    let (bytes, overflow) = shape.count.multipliedReportingOverflow(by: dtype.byteCount)
    if overflow || bytes > SystemMemory.current().usable {
      throw TensorError.outOfMemory(bytes: overflow ? .max : bytes)
    }
  }

  private static func fill(_ values: UnsafeMutablePointer<Float>, _ count: Int, seed: UInt64) {
    var state = seed
    for index in 0..<count { values[index] = Float(Int64(next(&state) >> 40)) * 0x1p-23 - 1 }
  }

  /// splitmix64.
  private static func next(_ state: inout UInt64) -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
