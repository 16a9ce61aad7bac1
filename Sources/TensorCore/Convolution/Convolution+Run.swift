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
    let result = try checkedResult(size, epilogue, outputType, output)
    if framePadding == 0, let weights = winogradWeights(rows: rows, columns: columns) {
      try convolve(
        Pictures(frames, channels: inputChannels), weights: weights, epilogue: epilogue,
        into: result)
      withExtendedLifetime(frames) {}
      return result
    }
    let pointers = frames.map { Optional($0.pointer) }
    try pointers.withUnsafeBufferPointer { pointers in
      var run = fp_conv_run()
      run.frame = expected
      run.frames = pointers.baseAddress
      run.frame_count = Int64(frames.count)
      run.pad = SIMD3(framePadding, geometry.paddingBefore.y, geometry.paddingBefore.z).tuple
      run.out = SIMD3(size[0], size[1], size[2]).tuple
      run.weights = UnsafeRawPointer(packed.base)
      run.epilogue = kernelEpilogue(epilogue, into: result)
      run.y_frame = result.strides[0] * result.dtype.byteCount
      if let residual = epilogue.residual {
        run.residual_frame = residual.strides[0] * residual.dtype.byteCount
      }
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

  /// The tensor that a result goes into.
  private func checkedResult(
    _ size: [Int], _ epilogue: Epilogue, _ outputType: DType, _ output: Tensor?
  ) throws -> Tensor {
    let result = try output ?? Tensor(uninitialized: Shape(validating: size), dtype: outputType)
    try result.requirePositions(size, "convolution output")
    try result.requireWritable("convolution")
    try epilogue.residual?.requirePositions(size, "convolution residual")
    return result
  }

  /// Convolves a clip that can be read where it lies, nil where it has to be made ready first.
  func convolvedInPlace(
    _ x: Tensor, _ prologue: PixelPrologue, _ epilogue: Epilogue, _ outputType: DType,
    _ output: Tensor?
  ) throws -> Tensor? {
    guard x.shape.rank == 4, x.shape[3] == inputChannels,
      let weights = winogradWeights(rows: x.shape[1], columns: x.shape[2]),
      let pictures = Pictures(x, prologue: prologue, output: output)
    else { return nil }
    try prologue.validate(channels: inputChannels, groups: geometry.groups)
    let size = outputShape(
      frames: x.shape[0], rows: x.shape[1], columns: x.shape[2], framePadding: 0)
    let result = try checkedResult(size, epilogue, outputType, output)
    try convolve(pictures, weights: weights, epilogue: epilogue, into: result)
    withExtendedLifetime(x) {}
    return result
  }

  func kernelEpilogue(_ epilogue: Epilogue, into result: Tensor) -> fp_epilogue {
    var description = fp_epilogue()
    description.bias = bias?.floatPointer
    description.activation = epilogue.activation.kernelActivation
    switch epilogue.bend {
    case nil: break
    case .clamp(let least, let greatest):
      description.activation = FP_ACTIVATION_CLAMP
      (description.activation_a, description.activation_b) = (least, greatest)
    case .leakyRelu(let slope):
      description.activation = FP_ACTIVATION_LEAKY_RELU
      description.activation_a = slope
    case .hardSwish(let slope, let offset):
      description.activation = FP_ACTIVATION_HARD_SWISH
      (description.activation_a, description.activation_b) = (slope, offset)
    }
    description.last = epilogue.last.kernelActivation
    description.y = result.pointer
    description.y_type = result.dtype.kernelType
    description.y_row = result.strides[2] * result.dtype.byteCount
    if let residual = epilogue.residual {
      description.residual = UnsafeRawPointer(residual.pointer)
      description.residual_type = residual.dtype.kernelType
      description.residual_row = residual.strides[2] * residual.dtype.byteCount
    }
    return description
  }

  private func perform(_ run: fp_conv_run) throws {
    let kernels = context.kernels
    let description = description
    var (sharedRun, sharedDescription) = (run, description)
    let plan = fp_conv_plan_for(kernels, &sharedDescription, &sharedRun)
    let scratch = try WorkerScratch(byteCount: plan.scratch_bytes, context: context)
    let positions = run.out.0 * run.out.1 * run.out.2
    let products = positions * description.out_channels * Int64(inputChannels / geometry.groups)
    let taps = geometry.isTransposed ? 1 : kernel.x * kernel.y * kernel.z
    context.pool.forEach(
      Int(plan.tasks), cost: Double(products) * Double(taps)
    ) { task, worker in
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
