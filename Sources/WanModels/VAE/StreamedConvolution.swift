import Layers
import TensorCore

/// A convolution of frames that come one by one, causal in time: the autoencoder's `CausalConv3d`
/// and its 2-D convolutions.
struct StreamedConvolution: RestorableStage {
  private let convolution: Convolution
  private let prologue: PixelPrologue
  private let outputType: DType
  private let slot: Int

  /// Claims "weight" and "bias".
  ///
  /// - Parameters:
  ///   - kernel: `[frames, rows, columns]`, or `[rows, columns]` where the checkpoint has a 2-D one.
  ///   - geometry: nil for a result of the input's size, causal in time.
  ///   - prologue: what happens to the pixels first.
  ///   - outputType: nil for the execution's activation type.
  init(
    _ inputs: Int, _ outputs: Int, kernel: [Int], geometry: ConvolutionGeometry? = nil,
    prologue: PixelPrologue = .init(), outputType: DType? = nil, slots: inout SlotCounter,
    weights: any TensorSource, execution: Execution
  ) throws {
    let taps = SIMD3(kernel.count == 3 ? kernel[0] : 1, kernel[kernel.count - 2], kernel.last ?? 1)
    convolution = try Convolution(
      weight: weights.claim("weight", shape: Shape([outputs, inputs] + kernel)),
      bias: weights.claim("bias", shape: [outputs], as: .f32),
      geometry: geometry ?? .causal(kernel: taps), arithmetic: execution.floatingArithmetic,
      on: execution.context)
    self.prologue = prologue
    self.outputType = outputType ?? execution.activationType
    slot = slots.next()
  }

  func push(_ frame: VideoFrame, _ state: inout CodingState) throws -> [VideoFrame] {
    [try callAsFunction(frame, &state)]
  }

  /// The result for the next frame.
  ///
  /// - Parameter residual: what is added: the same tensor of a frame that repeats.
  func callAsFunction(
    _ frame: VideoFrame, residual: Tensor? = nil, _ state: inout CodingState
  ) throws -> VideoFrame {
    let window = convolution.kernel.x
    state.memories[slot].note(frame)
    let repeats = state.memories[slot].runLength > window
    if repeats, let output = state.memories[slot].output {
      return VideoFrame(pixels: output, isRepeat: true)
    }
    let result = try convolve(frame, residual: residual, into: nil, &state)
    // One frame alone is no reason to hold on to the result.
    if state.memories[slot].runLength >= max(window, 2) { state.memories[slot].output = result }
    return VideoFrame(pixels: result, isRepeat: repeats)
  }

  /// Writes the result for the next frame to a tensor of the caller's.
  ///
  /// - Parameter output: `[1, rows, columns, outputs]`, float32 or bfloat16.
  func callAsFunction(
    _ frame: VideoFrame, into output: Tensor, _ state: inout CodingState
  ) throws {
    state.memories[slot].note(frame)
    _ = try convolve(frame, residual: nil, into: output, &state)
  }

  private func convolve(
    _ frame: VideoFrame, residual: Tensor?, into output: Tensor?, _ state: inout CodingState
  ) throws -> Tensor {
    let reach = convolution.kernel.x - 1
    let earlier = state.memories[slot].frames
    let newest =
      if frame.isRepeat, let last = earlier.last { [last] } else {
        try convolution.padded(frame.pixels, prologue: prologue, mayShare: true)
      }
    let frames = earlier + newest
    let result = try convolution.convolve(
      frames, rows: frame.pixels.shape[1], columns: frame.pixels.shape[2],
      framePadding: reach - earlier.count, epilogue: .init(residual: residual),
      outputType: outputType, output: output)
    state.memories[slot].frames = frames.suffix(reach)
    return result
  }

  func memories(after clip: ClipSize) -> [MemoryContents] {
    [
      MemoryContents(
        slot: slot, convolution: convolution, rows: clip.rows, columns: clip.columns,
        frameCount: min(clip.frames, convolution.kernel.x - 1), runLength: min(clip.frames, 1))
    ]
  }

  // MARK: Cost

  var weightByteCount: Int { convolution.weightByteCount }

  func cost(of clip: ClipSize) -> StageCost {
    let output = ClipSize(
      frames: clip.frames,
      rows: convolution.geometry.outputSize(
        axis: 1, kernel: convolution.kernel.y, input: clip.rows),
      columns: convolution.geometry.outputSize(
        axis: 2, kernel: convolution.kernel.z, input: clip.columns))
    let frame = convolution.frameByteCount(rows: clip.rows, columns: clip.columns)
    let positions = output.rows * output.columns
    let pixelBytes = outputType.byteCount
    return StageCost(
      operations: Double(clip.frames) * convolution.operationCount(positions: positions),
      keptBytes: (convolution.kernel.x - 1) * frame,
      passingBytes: frame + pixelBytes
        * (clip.rows * clip.columns * convolution.inputChannels
          + positions * convolution.outputChannels),
      output: output)
  }
}

extension PixelPrologue {
  /// The autoencoder's RMS norm, perhaps with SiLU after it; claims "gamma".
  ///
  /// - Parameter trailing: axes of size 1 behind the channels, as the checkpoint has them: 3 in
  ///   residual blocks, 2 before attention.
  static func rmsNorm(
    _ channels: Int, trailing: Int, activation: Activation = .none, weights: any TensorSource
  ) throws -> PixelPrologue {
    let shape = Shape([channels] + [Int](repeating: 1, count: trailing))
    let gamma = try weights.claim("gamma", shape: shape, as: .f32)
    return PixelPrologue(
      normalizes: true, multiply: try gamma.reshaped([channels]), activation: activation)
  }
}
