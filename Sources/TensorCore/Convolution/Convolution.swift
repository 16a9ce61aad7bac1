import CKernels

/// A convolution over time, rows and columns with its weights packed for one instruction set.
///
/// Tensors are channels last, `[frames, rows, columns, channels]`. The same bytes for any number of
/// threads, and for a clip whole or frame by frame.
package struct Convolution: Sendable {
  /// Taps along frames, rows and columns.
  package let kernel: SIMD3<Int>
  /// Channels of a pixel that it reads, all groups together.
  package let inputChannels: Int
  /// Channels of a pixel that it writes.
  package let outputChannels: Int
  /// How the kernel moves.
  package private(set) var geometry: ConvolutionGeometry
  /// `.f32`, or `.bf16`: weights and pixels are rounded.
  package let arithmetic: Arithmetic

  /// `[output channels]` float32.
  package let bias: Tensor?

  let packed: TensorStorage
  let winograd: WinogradWeights?
  let context: ComputeContext

  /// Packs weights; the checkpoint's are not needed afterwards.
  ///
  /// - Parameters:
  ///   - weight: `[out, in / groups, (frames, (rows,)) columns]`, of a transposed convolution
  ///     `[in, out / groups, ...]`, as PyTorch has them; float32, bfloat16 or float16, contiguous.
  ///   - bias: `[out]`, any floating type.
  ///   - arithmetic: `.f32` or `.bf16`.
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`, `.outOfMemory`.
  package init(
    weight: Tensor, bias: Tensor? = nil, geometry: ConvolutionGeometry = .init(),
    arithmetic: Arithmetic, on context: ComputeContext = .shared
  ) throws {
    try geometry.validate()
    let axes = weight.shape.axes
    let groups = geometry.groups
    guard (3...5).contains(axes.count), axes.allSatisfy({ $0 >= 1 }), axes[0] % groups == 0 else {
      throw TensorError.shapeMismatch(
        operation: "convolution weights",
        expected: "3 to 5 axes, the first a multiple of \(groups)",
        found: "\(weight.shape)")
    }
    guard [.f32, .bf16, .f16].contains(weight.dtype) else {
      throw TensorError.unsupportedType(operation: "convolution weights", found: weight.dtype)
    }
    guard arithmetic != .int8 else {
      throw TensorError.unsupportedType(operation: "convolution", found: .i8)
    }
    let sizes = [Int](repeating: 1, count: 5 - axes.count) + axes.dropFirst(2)
    kernel = SIMD3(sizes[0], sizes[1], sizes[2])
    inputChannels = geometry.isTransposed ? axes[0] : axes[1] * groups
    outputChannels = geometry.isTransposed ? axes[1] * groups : axes[0]
    self.geometry = geometry
    self.arithmetic = arithmetic
    self.context = context
    self.bias = try bias?.converted(to: .f32, on: context)
    try self.bias?.require(vector: outputChannels, "convolution bias")
    let description = Self.describe(
      inputChannels, outputChannels, kernel: kernel, geometry: geometry, arithmetic: arithmetic)
    let weight = try weight.contiguous()
    packed = try Self.pack(weight, as: description, on: context)
    winograd = try WinogradWeights(weight, geometry: geometry, as: description, on: context)
  }

  /// The same weights with other paddings; nothing is packed again.
  ///
  /// - Throws: `TensorError.shapeMismatch` where a value is out of range.
  package func padding(
    before: SIMD3<Int>, after: SIMD3<Int>, output: SIMD3<Int> = .zero
  ) throws -> Convolution {
    var result = self
    result.geometry.paddingBefore = before
    result.geometry.paddingAfter = after
    result.geometry.outputPadding = output
    try result.geometry.validate()
    return result
  }

  private static func pack(
    _ weight: Tensor, as description: fp_conv, on context: ComputeContext
  ) throws -> TensorStorage {
    let kernels = context.kernels
    var description = description
    let packed = try TensorStorage.allocate(byteCount: fp_conv_packed_bytes(kernels, &description))
    let scratch = try WorkerScratch(
      byteCount: fp_conv_pack_scratch_bytes(kernels, &description), context: context)
    let shared = description
    context.pool.forEach(Int(fp_conv_pack_units(kernels, &description))) { unit, worker in
      var description = shared
      fp_conv_pack(
        kernels, &description, weight.pointer, weight.dtype.kernelType, Int64(unit), packed.base,
        scratch.pointer(of: worker))
    }
    return packed
  }

  private static func describe(
    _ inputs: Int, _ outputs: Int, kernel: SIMD3<Int>, geometry: ConvolutionGeometry,
    arithmetic: Arithmetic
  ) -> fp_conv {
    fp_conv(
      compute: arithmetic.kernelCompute, in_channels: Int64(inputs), out_channels: Int64(outputs),
      groups: Int64(geometry.groups), kernel: kernel.tuple, stride: geometry.stride.tuple,
      dilation: geometry.dilation.tuple, transposed: geometry.isTransposed,
      upsample: Int64(geometry.upsampling))
  }

  var description: fp_conv {
    Self.describe(
      inputChannels, outputChannels, kernel: kernel, geometry: geometry, arithmetic: arithmetic)
  }

  // MARK: Results

  /// Activations made of straight lines.
  package enum Bend: Sendable, Equatable {
    /// min(greatest, max(least, x)).
    case clamp(least: Float, greatest: Float)
    /// slope * x below 0.
    case leakyRelu(slope: Float)
    /// x * min(1, max(0, slope * x + offset)).
    case hardSwish(slope: Float, offset: Float)
  }

  /// What happens to a sum: `last(activation(sum + bias) + residual)`, in float32.
  package struct Epilogue: Sendable {
    /// What follows the bias.
    package var activation: Activation
    /// In place of `activation`, for pieces of straight lines.
    package var bend: Bend?
    /// `[frames, rows, columns, out]` float32 or bfloat16; may be the output itself.
    package var residual: Tensor?
    /// What follows the residual.
    package var last: Activation

    package init(
      activation: Activation = .none, residual: Tensor? = nil, last: Activation = .none
    ) {
      self.activation = activation
      self.residual = residual
      self.last = last
    }
  }

  /// Convolves a whole clip.
  ///
  /// - Parameters:
  ///   - x: `[frames, rows, columns, in]`, float32 or bfloat16, channels contiguous.
  ///   - prologue: what happens to the input first.
  ///   - output: where the result goes, float32 or bfloat16, positions evenly apart; nil makes a
  ///     new tensor of `outputType`.
  /// - Returns: `[frames, rows, columns, out]`.
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`, `.outOfMemory`.
  package func callAsFunction(
    _ x: Tensor, prologue: PixelPrologue = .init(), epilogue: Epilogue = .init(),
    outputType: DType = .f32, output: Tensor? = nil
  ) throws -> Tensor {
    if let result = try convolvedInPlace(x, prologue, epilogue, outputType, output) {
      return result
    }
    let frames = try padded(x, prologue: prologue, mayShare: true)
    return try convolve(
      frames, rows: x.shape[1], columns: x.shape[2], framePadding: geometry.paddingBefore.x,
      epilogue: epilogue, outputType: outputType,
      output: output)
  }

  /// Convolves the next frames of a clip, causal in time: the frames that came before are in the
  /// cache, zeros before the first.
  ///
  /// - Parameter cache: empty before the first frame.
  /// - Returns: as many frames as `x` has.
  /// - Throws: as `callAsFunction`; `.shapeMismatch` for a kernel that is not causal.
  package func callAsFunction(
    _ x: Tensor, prologue: PixelPrologue = .init(), cache: inout CausalFrameCache,
    epilogue: Epilogue = .init(), outputType: DType = .f32,
    output: Tensor? = nil
  ) throws -> Tensor {
    let reach = (kernel.x - 1) * geometry.dilation.x
    guard geometry.stride.x == 1, geometry.paddingBefore.x == reach, geometry.paddingAfter.x == 0,
      !geometry.isTransposed
    else {
      throw TensorError.shapeMismatch(
        operation: "causal convolution",
        expected: "stride 1 in time and all \(reach) frames of padding in front",
        found: "\(geometry)")
    }
    // What the cache keeps must not change when the caller reuses its tensor.
    let frames = cache.frames + (try padded(x, prologue: prologue, mayShare: reach == 0))
    let result = try convolve(
      frames, rows: x.shape[1], columns: x.shape[2], framePadding: reach - cache.frames.count,
      epilogue: epilogue, outputType: outputType,
      output: output)
    cache.frames = Array(frames.suffix(reach))
    return result
  }
}

/// The last input frames of a causal convolution, padded, normalised and rounded as it reads them:
/// they are kept as they are, and the next chunk's frames are read beside them.
package struct CausalFrameCache: Sendable {
  /// At most (kernel frames - 1) * dilation, the oldest first.
  package internal(set) var frames: [PaddedFrame] = []

  /// The cache before the first frame, or one with the frames that a former one had.
  package init(frames: [PaddedFrame] = []) { self.frames = frames }
}
