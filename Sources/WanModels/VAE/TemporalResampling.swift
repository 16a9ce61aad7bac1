import Layers
import TensorCore

/// Halves the frames of a clip (`Resample` "downsample3d", its `time_conv`): the first frame stays as
/// it is, every further result sees two new frames and the last one before them.
struct TemporalHalving: FrameStage {
  private static let window = 3
  private static let step = 2

  private let convolution: Convolution
  private let outputType: DType
  private let slot: Int

  /// Claims "weight" and "bias".
  init(
    _ channels: Int, slots: inout SlotCounter, weights: any TensorSource, execution: Execution
  ) throws {
    convolution = try Convolution(
      weight: weights.claim("weight", shape: [channels, channels, Self.window, 1, 1]),
      bias: weights.claim("bias", shape: [channels], as: .f32),
      geometry: .init(stride: [Self.step, 1, 1]), arithmetic: execution.floatingArithmetic,
      on: execution.context)
    outputType = execution.activationType
    slot = slots.next()
  }

  func push(_ frame: VideoFrame, _ state: inout CodingState) throws -> [VideoFrame] {
    state.memories[slot].note(frame)
    let isFirst = state.memories[slot].frames.isEmpty
    if frame.isRepeat, let last = state.memories[slot].frames.last {
      state.memories[slot].frames.append(last)
    } else {
      state.memories[slot].frames += try convolution.padded(frame.pixels, mayShare: true)
    }
    if isFirst { return [frame] }
    guard state.memories[slot].frames.count == Self.window else { return [] }
    defer { state.memories[slot].frames.removeFirst(Self.step) }
    // The window of the result before began `step` frames earlier.
    let repeats = state.memories[slot].runLength >= Self.window + Self.step
    if repeats, let output = state.memories[slot].output {
      return [VideoFrame(pixels: output, isRepeat: true)]
    }
    let result = try convolution.convolve(
      state.memories[slot].frames, rows: frame.pixels.shape[1], columns: frame.pixels.shape[2],
      framePadding: 0, outputType: outputType)
    if state.memories[slot].runLength >= Self.window { state.memories[slot].output = result }
    return [VideoFrame(pixels: result, isRepeat: repeats)]
  }

  var weightByteCount: Int { convolution.weightByteCount }

  func cost(of clip: ClipSize) -> StageCost {
    let frame = convolution.frameByteCount(rows: clip.rows, columns: clip.columns)
    let results = max(0, clip.frames - 1) / Self.step
    return StageCost(
      operations: Double(results)
        * convolution.operationCount(positions: clip.rows * clip.columns),
      keptBytes: (Self.window - 1) * frame, passingBytes: 2 * frame,
      output: ClipSize(
        frames: min(clip.frames, 1) + results, rows: clip.rows, columns: clip.columns))
  }
}

/// Doubles the frames of a clip (`Resample` "upsample3d", its `time_conv`): the first frame stays
/// alone and is seen by no other; the frames after it are convolved as a clip of their own, into two
/// frames each.
struct TemporalDoubling: RestorableStage {
  private static let window = 3

  private let convolution: Convolution
  private let channels: Int
  private let outputType: DType
  private let slot: Int

  /// Claims "weight" and "bias".
  init(
    _ channels: Int, slots: inout SlotCounter, weights: any TensorSource, execution: Execution
  ) throws {
    convolution = try Convolution(
      weight: weights.claim("weight", shape: [2 * channels, channels, Self.window, 1, 1]),
      bias: weights.claim("bias", shape: [2 * channels], as: .f32),
      geometry: .causal(kernel: [Self.window, 1, 1]), arithmetic: execution.floatingArithmetic,
      on: execution.context)
    self.channels = channels
    outputType = execution.activationType
    slot = slots.next()
  }

  func push(_ frame: VideoFrame, _ state: inout CodingState) throws -> [VideoFrame] {
    state.memories[slot].runLength += 1  // counts all frames here
    if state.memories[slot].runLength == 1 { return [frame] }
    let earlier = state.memories[slot].frames
    let frames = earlier + (try convolution.padded(frame.pixels, mayShare: true))
    let both = try convolution.convolve(
      frames, rows: frame.pixels.shape[1], columns: frame.pixels.shape[2],
      framePadding: Self.window - 1 - earlier.count, outputType: outputType)
    state.memories[slot].frames = frames.suffix(Self.window - 1)
    return [0..<channels, channels..<2 * channels].map {
      VideoFrame(pixels: both.sliced($0, axis: 3), isRepeat: false)
    }
  }

  func memories(after clip: ClipSize) -> [MemoryContents] {
    [
      MemoryContents(
        slot: slot, convolution: convolution, rows: clip.rows, columns: clip.columns,
        frameCount: min(max(0, clip.frames - 1), Self.window - 1), runLength: clip.frames)
    ]
  }

  var weightByteCount: Int { convolution.weightByteCount }

  func cost(of clip: ClipSize) -> StageCost {
    let frame = convolution.frameByteCount(rows: clip.rows, columns: clip.columns)
    let convolved = max(0, clip.frames - 1)
    return StageCost(
      operations: Double(convolved)
        * convolution.operationCount(positions: clip.rows * clip.columns),
      // Both results wait while the first goes its way through the stages that follow.
      keptBytes: (Self.window - 1) * frame + 2 * frame, passingBytes: 4 * frame,
      output: ClipSize(
        frames: min(clip.frames, 1) + 2 * convolved, rows: clip.rows, columns: clip.columns))
  }
}
