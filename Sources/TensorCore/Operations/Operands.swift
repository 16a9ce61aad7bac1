import CKernels

/// What the operations on tensors share: checks of their operands and the cutting of work.
extension Tensor {
  /// Elements along the last axis; 1 for a scalar.
  var rowWidth: Int { shape.rank == 0 ? 1 : shape[-1] }

  /// Rows along the last axis.
  var rowCount: Int { rowWidth == 0 ? 0 : count / rowWidth }

  /// Address of an element of a contiguous tensor.
  func pointer(at element: Int) -> UnsafeMutableRawPointer { pointer + element * dtype.byteCount }

  /// Address of the first element of a contiguous F32 tensor.
  var floatElements: UnsafeMutablePointer<Float> {
    precondition(dtype == .f32, "not F32")
    return pointer.assumingMemoryBound(to: Float.self)
  }

  /// The tensor, made contiguous, as an operand of F32 or BF16 and of the shape asked for.
  ///
  /// - Throws: `TensorError.unsupportedType`, `.shapeMismatch`.
  func contiguousOperand(_ operation: String, shape expected: Shape? = nil) throws -> Tensor {
    guard dtype == .f32 || dtype == .bf16 else {
      throw TensorError.unsupportedType(operation: operation, found: dtype)
    }
    if let expected, expected != shape {
      throw TensorError.shapeMismatch(
        operation: operation, expected: "\(expected)", found: "\(shape)")
    }
    return try contiguous()
  }

  /// Where an operation on this tensor writes: `target`, once checked, or a new tensor.
  ///
  /// - Throws: `TensorError.unsupportedType`, `.shapeMismatch`, `.readOnlyResult`, `.outOfMemory`.
  func result(_ operation: String, type: DType?, into target: Tensor?) throws -> Tensor {
    let chosen = target?.dtype ?? type ?? dtype
    guard chosen == .f32 || chosen == .bf16, type == nil || type == chosen else {
      throw TensorError.unsupportedType(operation: operation, found: type ?? chosen)
    }
    guard let target else { return try Tensor(uninitialized: shape, dtype: chosen) }
    guard target.shape == shape, target.isContiguous else {
      throw TensorError.shapeMismatch(
        operation: operation, expected: "a contiguous tensor \(shape) for the result",
        found: "\(target.shape)")
    }
    try target.requireWritable(operation)
    return target
  }

  /// A vector with one value for each channel, as contiguous F32.
  ///
  /// - Throws: `TensorError.shapeMismatch`.
  func channelVector(
    _ operation: String, width: Int, on context: ComputeContext
  ) throws -> Tensor {
    guard count == width else {
      throw TensorError.shapeMismatch(
        operation: operation, expected: "\(width) values, one for each channel", found: "\(shape)")
    }
    return try converted(to: .f32, on: context)
  }
}

extension ComputeContext {
  /// Elements in a piece of work: enough to hide the cost of handing it out.
  private static let pieceElements = 1 << 15

  /// Multiply-adds that take as long as moving a byte to or from the nearer memory.
  static let costOfByte = 1.0

  /// Runs `body(start, length)` for pieces of 0 ..< count.
  func forEachChunk(of count: Int, _ body: (Int, Int) -> Void) {
    let piece = Self.pieceElements
    pool.forEach(count.dividedUp(by: piece)) { index in
      body(index * piece, min(piece, count - index * piece))
    }
  }

  /// Runs `body(rows)` for ranges of 0 ..< count rows of `width` elements.
  func forEachRows(of count: Int, width: Int, _ body: (Range<Int>) -> Void) {
    let piece = max(1, Self.pieceElements / max(width, 1))
    pool.forEach(count.dividedUp(by: piece)) { index in
      body(index * piece..<min((index + 1) * piece, count))
    }
  }
}
