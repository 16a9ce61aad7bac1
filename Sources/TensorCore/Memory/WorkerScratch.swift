/// Scratch memory for each thread of a context's pool; undefined content.
struct WorkerScratch: Sendable {
  private let storage: TensorStorage
  private let stride: Int

  /// - Parameter byteCount: for each thread. Rounded up to whole pages, so that no two threads write
  ///   to one cache line.
  /// - Throws: `TensorError.outOfMemory`.
  init(byteCount: Int, context: ComputeContext) throws {
    stride = max(byteCount, 1).roundedUp(toMultipleOf: 4096)
    storage = try .allocate(byteCount: stride * context.pool.threadCount)
  }

  /// The memory of one thread, by its number in the pool.
  func pointer(of worker: Int) -> UnsafeMutableRawPointer { storage.base + worker * stride }
}
