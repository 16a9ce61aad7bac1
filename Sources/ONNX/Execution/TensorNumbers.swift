import TensorCore

extension Tensor {
  /// As float32; keeps the layout where nothing is to convert.
  package func converted32(on context: ComputeContext) throws -> Tensor {
    dtype == .f32 ? self : try converted(to: .f32, on: context)
  }

  /// In another tensor's type; keeps the layout where nothing is to convert.
  package func converted(like model: Tensor, on context: ComputeContext) throws -> Tensor {
    dtype == model.dtype ? self : try converted(to: model.dtype, on: context)
  }

  /// Elements of a contiguous float32 tensor.
  var floatBase: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }

  /// A vector as contiguous float32.
  ///
  /// - Throws: `ONNXError.invalid` where it does not have `count` elements.
  func floatVector(_ count: Int, _ name: String, on context: ComputeContext) throws -> Tensor {
    guard self.count == count else {
      throw ONNXError.invalid("\(name): expected \(count) values, found shape \(shape)")
    }
    return try converted(to: .f32, on: context)
  }
}

extension ComputeContext {
  /// Runs `body` for ranges of 0 ..< count, each with about 2^15 elements where one has `width`.
  func forEachRange(of count: Int, width: Int, _ body: (Range<Int>) -> Void) {
    let piece = Swift.max(1, (1 << 15) / Swift.max(width, 1))
    pool.forEach(count.dividedUp(by: piece)) { index in
      body(index * piece..<Swift.min((index + 1) * piece, count))
    }
  }
}
