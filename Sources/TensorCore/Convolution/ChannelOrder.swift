import CKernels

extension Tensor {
  /// `[channels, ...]` to `[..., channels]`: from PyTorch's order (without its batch axis) to that
  /// of convolutions here.
  ///
  /// - Parameter type: of the result, float32 or bfloat16; nil keeps the tensor's own.
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`, `.outOfMemory`.
  package func channelsLast(
    _ type: DType? = nil, on context: ComputeContext = .shared
  ) throws -> Tensor {
    try requireChannels("channels last")
    let axes = Array(shape.axes.dropFirst()) + [shape[0]]
    return try transposed(
      rows: shape[0], columns: axes.dropLast().reduce(1, *), to: Shape(axes), type ?? dtype, context
    )
  }

  /// `[..., channels]` to `[channels, ...]`.
  ///
  /// - Throws: as `channelsLast`.
  package func channelsFirst(
    _ type: DType? = nil, on context: ComputeContext = .shared
  ) throws -> Tensor {
    try requireChannels("channels first")
    let axes = [shape[-1]] + Array(shape.axes.dropLast())
    return try transposed(
      rows: axes.dropFirst().reduce(1, *), columns: axes[0], to: Shape(axes), type ?? dtype, context
    )
  }

  private func requireChannels(_ operation: String) throws {
    guard shape.rank >= 1 else {
      throw TensorError.shapeMismatch(
        operation: operation, expected: "an axis of channels", found: "\(shape)")
    }
  }

  private func transposed(
    rows: Int, columns: Int, to shape: Shape, _ type: DType, _ context: ComputeContext
  ) throws -> Tensor {
    for type in [dtype, type] where ![.f32, .bf16].contains(type) {
      throw TensorError.unsupportedType(operation: "order of channels", found: type)
    }
    let source = try contiguous()
    let result = try Tensor(uninitialized: shape, dtype: type)
    source.transpose(rows: rows, columns: columns, into: result, context)
    return result
  }

  /// Turns a matrix over: `[rows, columns]` to `[columns, rows]`, both row-major float32 or bfloat16.
  ///
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`.
  package func transpose(into result: Tensor, on context: ComputeContext = .shared) throws {
    for tensor in [self, result] where ![.f32, .bf16].contains(tensor.dtype) {
      throw TensorError.unsupportedType(operation: "transposition", found: tensor.dtype)
    }
    guard shape.rank == 2, result.shape.axes == [shape[1], shape[0]], isContiguous,
      result.isContiguous
    else {
      throw TensorError.shapeMismatch(
        operation: "transposition", expected: "a row-major matrix", found: "\(shape)")
    }
    try result.requireWritable("transposition")
    transpose(rows: shape[0], columns: shape[1], into: result, context)
  }

  private func transpose(
    rows: Int, columns: Int, into result: Tensor, _ context: ComputeContext
  ) {
    let (sourceRow, targetRow) = (columns * dtype.byteCount, rows * result.dtype.byteCount)
    // Bands of the longer side: few channels, many positions, or the other way round.
    let byRows = rows > columns
    let length = byRows ? rows : columns
    let band = max(64, (1 << 16) / max(1, min(rows, columns)))
    context.pool.forEach(length.dividedUp(by: band)) { piece in
      let begin = piece * band
      let count = min(band, length - begin)
      let from = pointer + begin * (byRows ? sourceRow : dtype.byteCount)
      let into = result.pointer + begin * (byRows ? result.dtype.byteCount : targetRow)
      context.kernels.pointee.conv.transpose(
        into, result.dtype.kernelType, targetRow, from, dtype.kernelType, sourceRow,
        Int64(byRows ? count : rows), Int64(byRows ? columns : count))
    }
  }
}
