import CKernels

/// The weights of a 3x3 convolution at Winograd's points, beside the plain ones: which of the two
/// serve depends on a picture's size, never on the number of pictures or threads.
struct WinogradWeights: Sendable {
  let packed: TensorStorage

  /// Transforms and packs weights; nil where the convolution is of another kind.
  ///
  /// - Throws: `TensorError.outOfMemory`.
  init?(
    _ weight: Tensor, geometry: ConvolutionGeometry, as description: fp_conv,
    on context: ComputeContext
  ) throws {
    var description = description
    guard fp_winograd_serves(&description), geometry.paddingBefore.x == 0,
      geometry.paddingAfter.x == 0
    else { return nil }
    let kernels = context.kernels
    let packed = try TensorStorage.allocate(
      byteCount: fp_winograd_packed_bytes(kernels, &description))
    let shared = description
    context.pool.forEach(Int(fp_winograd_pack_units(kernels, &description))) { unit in
      var description = shared
      fp_winograd_pack(
        kernels, &description, weight.pointer, weight.dtype.kernelType, Int64(unit), packed.base)
    }
    self.packed = packed
  }
}

extension Convolution {
  /// The weights, where they serve pictures of that size.
  func winogradWeights(rows: Int, columns: Int) -> TensorStorage? {
    guard let winograd else { return nil }
    let size = [
      geometry.outputSize(axis: 1, kernel: kernel.y, input: rows),
      geometry.outputSize(axis: 2, kernel: kernel.z, input: columns),
    ]
    return fp_winograd_pays(Int64(size[0]), Int64(size[1])) ? winograd.packed : nil
  }

  /// What a convolution reads its pixels from, without a copy.
  struct Pictures {
    /// First pixels, one for each frame: the pictures have channels last, contiguous, float32.
    let frames: [UnsafeRawPointer?]
    let rows: Int
    let columns: Int
    /// Bytes from one row or pixel to the next.
    let row: Int
    let pixel: Int
    let prologue: PixelPrologue

    /// The pictures of a clip, where they can be read as they are: nothing happens to them that
    /// takes longer than reading them, and the output, if it is in the same memory, is beside them.
    init?(_ x: Tensor, prologue: PixelPrologue, output: Tensor?) {
      guard x.dtype == .f32, x.shape.rank == 4, x.strides[3] == 1, !prologue.normalizes,
        prologue.activation == .none || prologue.activation == .relu,
        output.map({ $0.isBeside(x) }) ?? true
      else { return nil }
      frames = (0..<x.shape[0]).map { UnsafeRawPointer(x[$0].pointer) }
      (rows, columns) = (x.shape[1], x.shape[2])
      (row, pixel) = (x.strides[1] * 4, x.strides[2] * 4)
      self.prologue = prologue
    }

    /// The pictures inside of padded frames.
    init(_ padded: [PaddedFrame], channels: Int) {
      let shape = padded.first?.shape ?? fp_conv_frame()
      pixel = channels * 4
      row = Int(shape.left + shape.width + shape.right) * pixel
      (rows, columns) = (Int(shape.height), Int(shape.width))
      let offset = Int(shape.top) * row + Int(shape.left) * pixel
      frames = padded.map { $0.pointer + offset }
      prologue = .init()
    }
  }

  /// Convolves pictures; what they are read from lives until this returns.
  ///
  /// - Parameter result: `[frames, rows, columns, out]`, checked.
  /// - Throws: `TensorError.outOfMemory`.
  func convolve(
    _ pictures: Pictures, weights: TensorStorage, epilogue: Epilogue, into result: Tensor
  ) throws {
    try pictures.frames.withUnsafeBufferPointer { frames in
      var run = fp_winograd_run()
      run.frames = frames.baseAddress
      run.frame_count = Int64(frames.count)
      run.height = Int64(pictures.rows)
      run.width = Int64(pictures.columns)
      run.row = pictures.row
      run.pixel = pictures.pixel
      run.multiply = pictures.prologue.multiply?.floatPointer
      run.add = pictures.prologue.add?.floatPointer
      run.rectify = pictures.prologue.activation == .relu
      run.pad = (Int64(geometry.paddingBefore.y), Int64(geometry.paddingBefore.z))
      run.out = (Int64(result.shape[1]), Int64(result.shape[2]))
      run.weights = UnsafeRawPointer(weights.base)
      run.epilogue = kernelEpilogue(epilogue, into: result)
      run.y_frame = result.strides[0] * result.dtype.byteCount
      if let residual = epilogue.residual {
        run.residual_frame = residual.strides[0] * residual.dtype.byteCount
      }
      try perform(run)
    }
    withExtendedLifetime((pictures.prologue, epilogue)) {}
  }

  private func perform(_ run: fp_winograd_run) throws {
    let kernels = context.kernels
    let description = description
    var (sharedRun, sharedDescription) = (run, description)
    let plan = fp_winograd_plan_for(kernels, &sharedDescription, &sharedRun)
    let scratch = try WorkerScratch(byteCount: plan.scratch_bytes, context: context)
    let points = Double(plan.tiles) * 36 * Double(inputChannels) * Double(outputChannels)
    context.pool.forEach(Int(plan.tasks), cost: points) { task, worker in
      var (run, description, plan) = (run, description, plan)
      fp_winograd_perform(
        kernels, &description, &run, &plan, Int64(task), scratch.pointer(of: worker))
    }
  }
}

extension Tensor {
  /// Whether writing to this one leaves the other as it is: other memory, or other channels of the
  /// same pixels.
  fileprivate func isBeside(_ other: Tensor) -> Bool {
    if storage !== other.storage { return true }
    guard shape.rank == other.shape.rank, dtype == other.dtype, shape.rank > 0,
      zip(strides, other.strides).dropLast().allSatisfy(==),
      zip(shape.axes, other.shape.axes).dropLast().allSatisfy(==)
    else { return false }
    let channels = abs(byteOffset - other.byteOffset) / dtype.byteCount
    let first = byteOffset < other.byteOffset ? self : other
    let last = byteOffset < other.byteOffset ? other : self
    let pixel = shape.axes.count > 1 ? strides[shape.rank - 2] : Int.max
    return first.shape[-1] <= channels && channels + last.shape[-1] <= pixel
  }
}
