import CKernels

extension Tensor {
  /// The largest value of each window, channel by channel (torch `max_pool2d`); NaN where one is
  /// NaN. The tensor is `[..., rows, columns, channels]` of F32 or BF16, and so is the result, with
  /// `(size + 2 * padding - kernel) / stride + 1` rows and columns, rounded down.
  ///
  /// - Parameters:
  ///   - kernel: rows and columns of a window.
  ///   - stride: between windows; the kernel where nil.
  ///   - padding: on both sides of each axis, smaller than the kernel; it never counts.
  /// - Throws: `TensorError.unsupportedType`, `.shapeMismatch` where no window fits.
  package func maxPooled(
    _ kernel: SIMD2<Int>, stride: SIMD2<Int>? = nil, padding: SIMD2<Int> = .zero,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    let x = try contiguousOperand("pooling")
    let stride = stride ?? kernel
    guard shape.rank >= 3, count > 0 else {
      throw TensorError.shapeMismatch(
        operation: "pooling", expected: "[..., rows, columns, channels], none empty",
        found: "\(shape)")
    }
    let size = SIMD2(shape[-3], shape[-2])
    for axis in 0..<2 {
      guard kernel[axis] >= 1, stride[axis] >= 1, (0..<kernel[axis]).contains(padding[axis]),
        kernel[axis] <= size[axis] + 2 * padding[axis]
      else {
        throw TensorError.shapeMismatch(
          operation: "pooling", expected: "windows that fit into \(shape)",
          found: "kernel \(kernel), stride \(stride), padding \(padding)")
      }
    }
    let pooled = (size &+ 2 &* padding &- kernel) / stride &+ 1
    let leading = Array(shape.axes.dropLast(3))
    let result = try Tensor(
      uninitialized: Shape(validating: leading + [pooled.x, pooled.y, shape[-1]]), dtype: dtype)
    let pictures = leading.reduce(1, *)
    let cost = Double(kernel.x * kernel.y * result.count) * 4 * ComputeContext.costOfByte
    context.pool.forEach(pictures * pooled.x, cost: cost) { piece in
      let picture = piece / pooled.x
      let row = Int64(piece % pooled.x)
      var arguments = x.pooling(kernel, stride, padding)
      arguments.x = UnsafeRawPointer(x.pointer(at: picture * size.x * size.y * shape[-1]))
      arguments.y = result.pointer(at: picture * pooled.x * pooled.y * shape[-1])
      arguments.y_row = pooled.y * shape[-1] * dtype.byteCount
      arguments.out_columns = Int64(pooled.y)
      context.kernels.pointee.pool.maximum(&arguments, row, row + 1)
    }
    return result
  }

  /// The picture and the windows over it.
  private func pooling(
    _ kernel: SIMD2<Int>, _ stride: SIMD2<Int>, _ padding: SIMD2<Int>
  ) -> fp_pool_args {
    var arguments = fp_pool_args()
    let pixel = shape[-1] * dtype.byteCount
    arguments.type = dtype.kernelType
    arguments.x_pixel = pixel
    arguments.y_pixel = pixel
    arguments.x_row = shape[-2] * pixel
    arguments.rows = Int64(shape[-3])
    arguments.columns = Int64(shape[-2])
    arguments.channels = Int64(shape[-1])
    arguments.kernel = (Int64(kernel.x), Int64(kernel.y))
    arguments.stride = (Int64(stride.x), Int64(stride.y))
    arguments.padding = (Int64(padding.x), Int64(padding.y))
    return arguments
  }
}
