import TensorCore

extension Tensor {
  /// Pixels of -1 ... 1 as bytes (FlashPortrait `decode_latents`, `save_videos_grid`): x / 2 + 0.5,
  /// clamped to 0 ... 1, times 255, truncated. What is no number becomes 0.
  ///
  /// - Returns: U8 of this float32 tensor's shape.
  /// - Throws: `TensorError.unsupportedType`, `.outOfMemory`.
  package func displayBytes(on context: ComputeContext = .shared) throws -> Tensor {
    guard dtype == .f32 else {
      throw TensorError.unsupportedType(operation: "pixels to bytes", found: dtype)
    }
    let source = try contiguous()
    let result = try Tensor(uninitialized: shape, dtype: .u8)
    nonisolated(unsafe) let input = UnsafePointer(
      source.pointer.assumingMemoryBound(to: Float.self))
    nonisolated(unsafe) let output = result.pointer.assumingMemoryBound(to: UInt8.self)
    let chunk = 1 << 16
    context.pool.forEach(count.dividedUp(by: chunk), cost: Double(count)) { piece in
      for index in piece * chunk..<min((piece + 1) * chunk, count) {
        let value = input[index] * 0.5 + 0.5
        // Also false for what is no number.
        let clamped = value > 0 ? (value < 1 ? value : 1) : 0
        output[index] = UInt8(clamped * 255)
      }
    }
    withExtendedLifetime(source) {}
    return result
  }
}
