import Imaging
import Layers
import MediaIO
import PortraitModels
import TensorCore

/// From a driving video to its expression features, and to an overlay that shows what was found.
package struct FeatureJob {
  /// What is asked for.
  package struct Request: Sendable {
    package let video: String
    package let output: String
    /// Where the overlay goes; nil for none.
    package let overlay: String?
    package let options: FaceOptions
    /// Frames that are read at most; nil for all.
    package let frameLimit: Int?
    /// Frames a second at which the video is read; nil for its own rate.
    package let frameRate: Rational?
    /// Of the output, beside the usual ones.
    package let metadata: [String: String]

    package init(
      video: String, output: String, overlay: String? = nil, options: FaceOptions,
      frameLimit: Int? = nil, frameRate: Rational? = nil, metadata: [String: String] = [:]
    ) {
      self.video = video
      self.output = output
      self.overlay = overlay
      self.options = options
      self.frameLimit = frameLimit
      self.frameRate = frameRate
      self.metadata = metadata
    }
  }

  /// The parts of the work, each a pass over the video.
  package enum Stage: Sendable, CaseIterable {
    case search, reading, overlay
  }

  /// What there is to tell on the way.
  package enum Event: Sendable {
    /// One more frame of a stage is done.
    case frame(Stage)
    /// What the user should know about the video, its faces or the overlay.
    case warning(String)
  }

  /// What was done.
  package struct Outcome: Sendable {
    package let frames: Int
    /// Frames that show the face.
    package let faces: Int
  }

  package let request: Request
  /// What the video says of itself.
  package let video: VideoInformation

  private let extractor: FeatureExtractor

  /// Seconds for which a lost face is waited for before another is chosen.
  private static let patience = 2.0
  /// Threads for the detector and the landmark network at most.
  private static let faceThreads = 2

  /// Opens the video and loads the networks, so that whatever is wrong with them shows before any
  /// work.
  ///
  /// - Throws: `MediaError`, `FaceError`, `ONNXError`, `CheckpointError`, `PipelineError`.
  package init(_ request: Request, models: ModelFolder, execution: Execution = Execution()) throws {
    self.request = request
    video = try VideoReader(
      path: request.video, order: .bgr, frameRate: request.frameRate
    ).information
    var options = request.options
    options.patience = max(Int((Self.patience * video.frameRate.value).rounded()), 1)
    // Networks this small lose more by waiting for many threads than these give them, and the video
    // is decoded beside them.
    let small = try ComputeContext(
      instructionSet: execution.context.instructionSet,
      threadCount: min(execution.context.pool.threadCount, Self.faceThreads))
    let faces = Execution(arithmetic: execution.arithmetic, context: small)
    extractor = FeatureExtractor(
      detector: try models.faceDetector(execution: faces),
      aligner: FaceAligner(
        network: try models.faceLandmarks(execution: faces), context: small),
      encoder: try models.motionEncoder(execution: execution), options: options,
      context: execution.context)
  }

  /// Frames of a stage as far as they are known beforehand.
  package var expectedFrames: Int? {
    guard let count = video.estimatedFrameCount else { return request.frameLimit }
    return min(count, request.frameLimit ?? count)
  }

  /// Does the work and writes the outputs.
  ///
  /// - Parameter report: is told of every frame; what it throws ends the work.
  /// - Throws: as `init`, `OutputError`, and what `report` throws.
  package func run(_ report: (Event) throws -> Void) throws -> Outcome {
    var damage: [String] = []
    let found = try extractor.extract(
      video: request.video,
      open: {
        let frames = try LimitedFrames(request)
        return {
          guard let frame = try frames.next() else {
            damage = frames.warnings
            return nil
          }
          return frame
        }
      },
      progress: { try report(.frame($0.run == .search ? .search : .reading)) })
    for warning in damage + found.warnings { try report(.warning(warning)) }
    if let overlay = request.overlay {
      for warning in try draw(found, to: overlay, report) { try report(.warning(warning)) }
    }
    try FeatureFile.write(
      found, of: video, options: request.options, to: request.output,
      metadata: request.metadata)
    return Outcome(frames: found.frames, faces: found.validity.count(where: \.self))
  }

  /// - Returns: what the writer warns of.
  private func draw(
    _ found: ExpressionFeatures, to path: String, _ report: (Event) throws -> Void
  ) throws -> [String] {
    let frames = try LimitedFrames(request)
    let writer = try VideoWriter(
      path: path, rows: video.rows, columns: video.columns, frameRate: video.frameRate,
      options: .init(sound: SoundSource(of: video), overwrites: true))
    let overlay = try FaceOverlay(found)
    for index in 0..<found.frames {
      guard let pixels = try frames.next() else {
        throw FaceError.framesChanged(
          video: request.video, first: found.frames, second: index)
      }
      try writer.append(overlay.drawn(frame: index, on: pixels), order: .bgr)
      try report(.frame(.overlay))
    }
    return try writer.finish().warnings
  }
}

/// The first frames of a video.
private final class LimitedFrames {
  private let reader: VideoReader
  private var left: Int

  init(_ request: FeatureJob.Request) throws {
    reader = try VideoReader(path: request.video, order: .bgr, frameRate: request.frameRate)
    left = request.frameLimit ?? .max
  }

  /// What was wrong with the frames so far.
  var warnings: [String] { reader.damage.warnings }

  func next() throws -> Tensor? {
    guard left > 0, let frame = try reader.next() else { return nil }
    left -= 1
    return frame.pixels
  }
}
