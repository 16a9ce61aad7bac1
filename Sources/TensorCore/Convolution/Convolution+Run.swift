import CKernels

extension Convolution {
  /// Convolves frames that stand ready.
  ///
  /// - Parameters:
  ///   - frames: made by `padded` for this convolution or one that pads alike, in order of time.
  ///   - rows: of the pictures in them.
  ///   - columns: likewise.
  ///   - framePadding: zero frames before the first.
  ///   - output: as for `callAsFunction`.
  /// - Returns: `[frames, rows, columns, out]`.
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`, `.readOnlyResult`, `.outOfMemory`.
  package func convolve(
    _ frames: [PaddedFrame], rows: Int, columns: Int, framePadding: Int,
    epilogue: Epilogue = .init(), outputType: DType = .f32, output: Tensor? = nil
  ) throws -> Tensor {
    let size = outputShape(
      frames: frames.count, rows: rows, columns: columns, framePadding: framePadding)
    let expected = frameShape(rows: rows, columns: columns)
    let bytes = try frameBytes(expected)
    let fit = frames.allSatisfy {
      $0.shape.isSame(as: expected) && $0.byteOffset + bytes <= $0.storage.byteCount
    }
    guard framePadding >= 0, fit else {
      throw TensorError.shapeMismatch(
        operation: "convolution", expected: "frames of \(rows)x\(columns) padded alike",
        found: "\(frames.map(\.shape)), \(framePadding) frames of padding")
    }
    let result = try output ?? Tensor(uninitialized: Shape(validating: size), dtype: outputType)
    try result.requirePositions(size, "convolution output")
    try result.requireWritable("convolution")
    try epilogue.residual?.requirePositions(size, "convolution residual")
    let pointers = frames.map { Optional($0.pointer) }
    try pointers.withUnsafeBufferPointer { pointers in
      var run = fp_conv_run()
      run.frame = expected
      run.frames = pointers.baseAddress
      run.frame_count = Int64(frames.count)
      run.pad = SIMD3(framePadding, geometry.paddingBefore.y, geometry.paddingBefore.z).tuple
      run.out = SIMD3(size[0], size[1], size[2]).tuple
      run.weights = UnsafeRawPointer(packed.base)
      describe(result, epilogue, in: &run)
      try perform(run)
    }
    withExtendedLifetime((frames, result, epilogue)) {}
    return result
  }

  private func outputShape(
    frames: Int, rows: Int, columns: Int, framePadding: Int
  ) -> [Int] {
    let count = geometry.outputSize(
      axis: 0, kernel: kernel.x, input: frames, paddingBefore: framePadding)
    return [
      count, geometry.outputSize(axis: 1, kernel: kernel.y, input: rows),
      geometry.outputSize(axis: 2, kernel: kernel.z, input: columns), outputChannels,
    ]
  }

  private func describe(_ result: Tensor, _ epilogue: Epilogue, in run: inout fp_conv_run) {
    run.epilogue.bias = bias?.floatPointer
    run.epilogue.activation = epilogue.activation.kernelActivation
    run.epilogue.last = epilogue.last.kernelActivation
    run.epilogue.y = result.pointer
    run.epilogue.y_type = result.dtype.kernelType
    run.epilogue.y_row = result.strides[2] * result.dtype.byteCount
    run.y_frame = result.strides[0] * result.dtype.byteCount
    if let residual = epilogue.residual {
      run.epilogue.residual = UnsafeRawPointer(residual.pointer)
      run.epilogue.residual_type = residual.dtype.kernelType
      run.epilogue.residual_row = residual.strides[2] * residual.dtype.byteCount
      run.residual_frame = residual.strides[0] * residual.dtype.byteCount
    }
  }

  private func perform(_ run: fp_conv_run) throws {
    let kernels = context.kernels
    let description = description
    var (sharedRun, sharedDescription) = (run, description)
    let plan = fp_conv_plan_for(kernels, &sharedDescription, &sharedRun)
    let scratch = try WorkerScratch(byteCount: plan.scratch_bytes, context: context)
    context.pool.forEach(Int(plan.tasks)) { task, worker in
      var (run, description, plan) = (run, description, plan)
      fp_conv_perform(
        kernels, &description, &run, &plan, Int64(task), scratch.pointer(of: worker))
    }
  }
}

extension fp_conv_frame {
  fileprivate func isSame(as other: fp_conv_frame) -> Bool {
    height == other.height && width == other.width && top == other.top && left == other.left
      && bottom == other.bottom && right == other.right
  }
}

extension Tensor {
  /// - Throws: unless this is `[frames, rows, columns, channels]` of that size with contiguous
  ///   channels and all positions of a frame evenly apart.
  fileprivate func requirePositions(_ size: [Int], _ operation: String) throws {
    try require(rank: 4, types: [.f32, .bf16], operation)
    guard shape.axes == size, shape[1] <= 1 || strides[1] == shape[2] * strides[2] else {
      throw TensorError.shapeMismatch(
        operation: operation, expected: "\(size), positions evenly apart",
        found: "\(shape) with strides \(strides)")
    }
  }
}
