import CKernels

extension Tensor {
  /// Copies the elements into a tensor of the same shape, perhaps some rows and columns of a larger
  /// one, and of the same type or another: rounded to nearest even.
  ///
  /// - Parameter target: its last axis is contiguous, as is this tensor's.
  /// - Throws: `TensorError.shapeMismatch`, `.readOnlyResult`.
  package func copy(into target: Tensor, on context: ComputeContext = .shared) throws {
    guard target.shape == shape, hasContiguousRows, target.hasContiguousRows else {
      throw TensorError.shapeMismatch(
        operation: "copy", expected: "\(shape), the last axis contiguous",
        found: "\(target.shape) with strides \(target.strides), from strides \(strides)")
    }
    try target.requireWritable("copy")
    context.forEachRows(of: rowCount, width: rowWidth) { rows in
      for row in rows {
        context.kernels.pointee.convert.convert(
          target.pointer(toRow: row), target.dtype.kernelType, pointer(toRow: row),
          dtype.kernelType, rowWidth)
      }
    }
  }

  private var hasContiguousRows: Bool { shape.rank == 0 || rowWidth <= 1 || strides.last == 1 }

  /// Address of the n-th row along the last axis.
  private func pointer(toRow number: Int) -> UnsafeMutableRawPointer {
    var rest = number
    var offset = 0
    for axis in shape.axes.indices.dropLast().reversed() {
      offset += rest % shape[axis] * strides[axis]
      rest /= shape[axis]
    }
    return pointer + offset * dtype.byteCount
  }
}
