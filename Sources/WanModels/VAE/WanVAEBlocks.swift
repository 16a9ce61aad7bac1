import Layers
import TensorCore

/// Norm, SiLU, convolution, twice, and the input added (`ResidualBlock`).
struct WanVAEResidualBlock: RestorableStage {
  private let first: StreamedConvolution  // residual.0, residual.2
  private let second: StreamedConvolution  // residual.3, residual.6
  private let shortcut: StreamedConvolution?  // shortcut, where the width changes

  init(
    _ inputs: Int, _ outputs: Int, slots: inout SlotCounter, weights: any TensorSource,
    execution: Execution
  ) throws {
    first = try StreamedConvolution(
      inputs, outputs, kernel: [3, 3, 3],
      prologue: .rmsNorm(
        inputs, trailing: 3, activation: .silu, weights: weights.scoped("residual.0.")),
      slots: &slots, weights: weights.scoped("residual.2."), execution: execution)
    second = try StreamedConvolution(
      outputs, outputs, kernel: [3, 3, 3],
      prologue: .rmsNorm(
        outputs, trailing: 3, activation: .silu, weights: weights.scoped("residual.3.")),
      slots: &slots, weights: weights.scoped("residual.6."), execution: execution)
    shortcut =
      inputs == outputs
      ? nil
      : try StreamedConvolution(
        inputs, outputs, kernel: [1, 1, 1], slots: &slots, weights: weights.scoped("shortcut."),
        execution: execution)
  }

  func push(_ frame: VideoFrame, _ state: inout CodingState) throws -> [VideoFrame] {
    let hidden = try first(frame, &state)
    let residual = try shortcut?(frame, &state) ?? frame
    return [try second(hidden, residual: residual.pixels, &state)]
  }

  /// The shortcut sees one frame at a time.
  func memories(after clip: ClipSize) -> [MemoryContents] {
    first.memories(after: clip) + second.memories(after: clip)
  }

  var weightByteCount: Int {
    first.weightByteCount + second.weightByteCount + (shortcut?.weightByteCount ?? 0)
  }

  func cost(of clip: ClipSize) -> StageCost {
    let costs = [first, second].map { $0.cost(of: clip) }
    let side = shortcut?.cost(of: clip)
    return StageCost(
      operations: costs[0].operations + costs[1].operations + (side?.operations ?? 0),
      keptBytes: costs[0].keptBytes + costs[1].keptBytes,
      passingBytes: costs[0].passingBytes + costs[1].passingBytes + (side?.passingBytes ?? 0),
      output: clip)
  }
}

/// Attention with one head over the places of each frame (`AttentionBlock`).
struct WanVAEAttentionBlock: RestorableStage {
  private let queriesKeysValues: Convolution  // to_qkv
  private let norm: PixelPrologue  // norm
  private let projection: Convolution  // proj
  private let channels: Int
  private let execution: Execution
  private let slot: Int

  init(
    _ channels: Int, slots: inout SlotCounter, weights: any TensorSource, execution: Execution
  ) throws {
    func pointwise(_ outputs: Int, _ weights: any TensorSource) throws -> Convolution {
      try Convolution(
        weight: weights.claim("weight", shape: [outputs, channels, 1, 1]),
        bias: weights.claim("bias", shape: [outputs], as: .f32),
        arithmetic: execution.floatingArithmetic, on: execution.context)
    }
    norm = try .rmsNorm(channels, trailing: 2, weights: weights.scoped("norm."))
    queriesKeysValues = try pointwise(3 * channels, weights.scoped("to_qkv."))
    projection = try pointwise(channels, weights.scoped("proj."))
    self.channels = channels
    self.execution = execution
    slot = slots.next()
  }

  func push(_ frame: VideoFrame, _ state: inout CodingState) throws -> [VideoFrame] {
    state.memories[slot].note(frame)
    if let output = state.memories[slot].output {
      return [VideoFrame(pixels: output, isRepeat: true)]
    }
    let result = try attend(frame.pixels)
    // One frame alone is no reason to hold on to the result.
    if frame.isRepeat { state.memories[slot].output = result }
    return [VideoFrame(pixels: result, isRepeat: frame.isRepeat)]
  }

  /// - Parameter pixels: `[1, rows, columns, channels]`.
  /// - Returns: of the same shape.
  private func attend(_ pixels: Tensor) throws -> Tensor {
    let places = pixels.shape[1] * pixels.shape[2]
    let type = execution.activationType
    let projected = try queriesKeysValues(pixels, prologue: norm, outputType: type)
      .reshaped([places, 3, channels])
    let attended = try Attention.attend(
      .init(projected.sliced(0..<1, axis: 1)), keys: .init(projected.sliced(1..<2, axis: 1)),
      values: projected.sliced(2..<3, axis: 1), arithmetic: execution.floatingArithmetic,
      outputType: type, on: execution.context)
    return try projection(
      attended.reshaped(pixels.shape), epilogue: .init(residual: pixels), outputType: type)
  }

  func memories(after clip: ClipSize) -> [MemoryContents] { [] }

  var weightByteCount: Int { queriesKeysValues.weightByteCount + projection.weightByteCount }

  func cost(of clip: ClipSize) -> StageCost {
    let places = clip.rows * clip.columns
    let memory = Attention.memory(
      length: places, heads: 1, headDimension: channels,
      arithmetic: execution.floatingArithmetic, on: execution.context)
    let products = [queriesKeysValues, projection].reduce(0) {
      $0 + $1.operationCount(positions: places)
    }
    // The input and its norm, queries, keys and values, the attended values, the result.
    let pixelBytes = 7 * channels * execution.activationType.byteCount
    return StageCost(
      operations: Double(clip.frames)
        * (products + 4 * Double(places) * Double(places) * Double(channels)),
      keptBytes: 0,
      passingBytes: places * pixelBytes + memory.packed
        + memory.scratch * execution.context.pool.threadCount,
      output: clip)
  }
}
