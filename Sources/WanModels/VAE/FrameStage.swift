import TensorCore

/// A frame on its way through the autoencoder.
struct VideoFrame {
  /// `[1, rows, columns, channels]`, float32 or bfloat16; never written to again.
  let pixels: Tensor
  /// Whether it is known to have the very bytes of the frame before it in its sequence.
  let isRepeat: Bool
}

/// A part of the autoencoder that takes the frames of a clip one by one, in order of time.
///
/// What it keeps between frames lies in a `CodingState`, so that one set of weights serves any
/// number of clips and tiles.
protocol FrameStage: Sendable {
  /// Takes a frame, and returns those that it completes: none, one, or several in order of time.
  func push(_ frame: VideoFrame, _ state: inout CodingState) throws -> [VideoFrame]

  /// What coding a clip costs; `clip` is the size of the stage's input.
  func cost(of clip: ClipSize) -> StageCost

  /// Bytes of the packed weights.
  var weightByteCount: Int { get }
}

/// A stage of the decoder: what it remembers can be written down and taken up again, since frames
/// that repeat, whose results would be remembered too, come to the encoder only.
protocol RestorableStage: FrameStage {
  /// What it remembers after a clip; `clip` is the size of the stage's input.
  func memories(after clip: ClipSize) -> [MemoryContents]
}

/// What a slot holds after some frames of which none repeats the one before it.
struct MemoryContents {
  let slot: Int
  /// The one that reads the frames, which are pictures of `rows` and `columns`.
  let convolution: Convolution
  let rows: Int
  let columns: Int
  let frameCount: Int
  let runLength: Int
}

/// What a stage that is causal in time remembers of the frames before.
///
/// Frames that repeat (the zeros after the picture in the condition video) cost nothing once a
/// convolution's whole window is one repeated frame: its result is then the one before, since the
/// kernels give the same bytes for the same input at any place of a clip. Nothing is compared but
/// the pixels of the input.
struct FrameMemory {
  /// The last input frames that are still to be read, the oldest first.
  var frames: [PaddedFrame] = []
  /// How many frames in a row, the newest among them, have the same bytes.
  var runLength = 0
  /// The newest result, kept where it may serve again.
  var output: Tensor?

  /// Bytes that it keeps; a frame that stands in it several times counts as often.
  var byteCount: Int { frames.reduce(0) { $0 + $1.byteCount } + (output?.byteCount ?? 0) }

  /// Counts a frame that comes in.
  mutating func note(_ frame: VideoFrame) {
    runLength = frame.isRepeat ? runLength + 1 : 1
    if !frame.isRepeat { output = nil }
  }
}

/// All that a coder remembers between the frames of one clip (or of one tile of it).
struct CodingState {
  /// By the stages' slots.
  var memories: [FrameMemory]

  /// The state before the first frame.
  init(slotCount: Int) {
    memories = [FrameMemory](repeating: FrameMemory(), count: slotCount)
  }

  var byteCount: Int { memories.reduce(0) { $0 + $1.byteCount } }
}

/// Hands each stage that remembers something its place in `CodingState`.
struct SlotCounter {
  private(set) var count = 0

  mutating func next() -> Int {
    count += 1
    return count - 1
  }
}

/// Frames of a clip at some depth of the autoencoder.
struct ClipSize: Equatable {
  var frames: Int
  var rows: Int
  var columns: Int
}

/// What coding a clip takes in one stage.
struct StageCost {
  /// Operations, a multiply-add counted as two, as they are executed.
  var operations: Double
  /// Bytes that the stage keeps between frames.
  var keptBytes: Int
  /// Bytes that come on top while a frame passes, its input and output included.
  var passingBytes: Int
  /// Size of the result.
  var output: ClipSize
}

extension [any FrameStage] {
  /// Sends a frame through all stages; each result goes the whole way before the next is begun, so
  /// that there is only one frame at a time at full resolution.
  func push(
    _ frame: VideoFrame, _ state: inout CodingState,
    emit: (VideoFrame, inout CodingState) throws -> Void
  ) throws {
    try self[...].push(frame, &state, emit: emit)
  }

  /// The sum of all stages: kept bytes add up, of the passing ones the most counts, the output is
  /// the last one's.
  func cost(of clip: ClipSize) -> StageCost {
    var total = StageCost(operations: 0, keptBytes: 0, passingBytes: 0, output: clip)
    for stage in self {
      let cost = stage.cost(of: total.output)
      total.operations += cost.operations
      total.keptBytes += cost.keptBytes
      total.passingBytes = Swift.max(total.passingBytes, cost.passingBytes)
      total.output = cost.output
    }
    return total
  }
}

extension ArraySlice<any FrameStage> {
  fileprivate func push(
    _ frame: VideoFrame, _ state: inout CodingState,
    emit: (VideoFrame, inout CodingState) throws -> Void
  ) throws {
    var frame = frame
    for index in indices {
      let results = try self[index].push(frame, &state)
      guard results.count == 1 else {
        for result in results { try self[(index + 1)...].push(result, &state, emit: emit) }
        return
      }
      frame = results[0]
    }
    try emit(frame, &state)
  }
}
