import Imaging
import TensorCore

/// Turns a driving video into expression features, frame by frame, in two runs over the video.
///
/// Of the video it keeps two frames and a batch of crops; of every frame about 4 kB of results.
package struct FeatureExtractor: Sendable {
  /// Gives the frames of a video one after another, nil at its end: U8 `[rows, columns, 3]`, blue, green
  /// and red.
  package typealias FrameReader = () throws -> Tensor?

  package enum Run: Sendable, Equatable {
    /// Where is the face?
    case search
    /// What does it express?
    case reading
  }

  /// How far the work is.
  package struct Progress: Sendable, Equatable {
    package let run: Run
    /// Frames of this run that are done.
    package let frames: Int
    /// Of those, the ones that show the face.
    package let faces: Int
    /// Frames of the video; nil in the first run.
    package let total: Int?
  }

  private let detector: any FaceDetecting
  private let aligner: any FaceAligning
  private let encoder: any MotionEncoding
  private let options: FaceOptions
  private let context: ComputeContext

  /// Crops that are encoded at once.
  private static let batch = 8

  package init(
    detector: any FaceDetecting, aligner: any FaceAligning, encoder: any MotionEncoding,
    options: FaceOptions = .init(), context: ComputeContext = .shared
  ) {
    self.detector = detector
    self.aligner = aligner
    self.encoder = encoder
    self.options = options
    self.context = context
  }

  /// Reads a video.
  ///
  /// - Parameters:
  ///   - video: its name, for errors.
  ///   - open: opens the video at its beginning; called once for each run.
  ///   - progress: called after every frame; what it throws ends the work.
  /// - Throws: `FaceError`, and what `open`, its frames, the networks and `progress` throw.
  package func extract(
    video: String, open: () throws -> FrameReader, progress: (Progress) throws -> Void = { _ in }
  ) throws -> ExpressionFeatures {
    let sightings = try search(open(), progress)
    let seen = sightings.count { $0.chosen != nil }
    try check(seen, sightings, video)
    var results = try FrameResults(sightings: sightings, width: encoder.width)
    try read(open(), into: &results, video, progress)
    try check(results.validity.count(where: \.self), sightings, video)
    return results.finished()
  }

  private func search(
    _ read: FrameReader, _ progress: (Progress) throws -> Void
  ) throws -> [FaceSighting] {
    var search = FaceSearch(detector: detector, aligner: aligner, options: options)
    var sightings: [FaceSighting] = []
    var faces = 0
    var frame = try read().map { FaceFrame(pixels: $0, index: 0) }
    while let current = frame {
      let next = try read().map { FaceFrame(pixels: $0, index: current.index + 1) }
      let sighting = try search.advance(current, next: next)
      sightings.append(sighting)
      faces += sighting.chosen == nil ? 0 : 1
      try progress(
        Progress(run: .search, frames: sightings.count, faces: faces, total: nil))
      frame = next
    }
    return sightings
  }

  private func read(
    _ read: FrameReader, into results: inout FrameResults, _ video: String,
    _ progress: (Progress) throws -> Void
  ) throws {
    let sightings = results.sightings
    var reader = FaceReader(aligner: aligner, options: options)
    let crops = try Tensor(
      uninitialized: [Self.batch, encoder.cropSize, encoder.cropSize, 3], dtype: .u8)
    var pending: [Int] = []
    var faces = 0
    for (index, sighting) in sightings.enumerated() {
      guard let pixels = try read() else {
        throw FaceError.framesChanged(video: video, first: sightings.count, second: index)
      }
      let frame = FaceFrame(pixels: pixels, index: index)
      try frame.validate()
      if let reading = try reader.advance(frame, sighting: sighting),
        let crop = try crop(of: reading.landmarks, in: frame)
      {
        crops[pending.count].pointer.copyMemory(
          from: crop.pointer, byteCount: crop.byteCount)
        results.set(reading, frame: index)
        pending.append(index)
        faces += 1
      }
      if pending.count == Self.batch { try encode(crops, &pending, into: results) }
      try progress(
        Progress(run: .reading, frames: index + 1, faces: faces, total: sightings.count))
    }
    try encode(crops, &pending, into: results)
  }

  /// The aligned crop, nil where the landmarks do not span a face.
  private func crop(of face: FaceLandmarks, in frame: FaceFrame) throws -> Tensor? {
    let size = encoder.cropSize
    guard let matrix = MotionCrop.matrix(around: face, size: size) else { return nil }
    return try frame.pixels.warped(
      by: matrix, rows: size, columns: size, filter: .cubic, on: context)
  }

  /// Encodes the crops of some frames, and forgets them.
  private func encode(
    _ crops: Tensor, _ frames: inout [Int], into results: FrameResults
  ) throws {
    guard !frames.isEmpty else { return }
    let features = try encoder.features(bgr: crops.sliced(0..<frames.count))
    try results.set(features, frames: frames)
    frames = []
  }

  private func check(_ valid: Int, _ sightings: [FaceSighting], _ video: String) throws {
    let frames = sightings.count
    guard frames > 0 else { throw FaceError.noFrames(video: video) }
    let atOnce = sightings.map(\.faces.count).max() ?? 0
    guard atOnce > 0 else { throw FaceError.noFace(video: video, frames: frames) }
    guard sightings.contains(where: { $0.chosen != nil }) else {
      throw FaceError.choiceUnmet(
        video: video, choice: options.choice, frames: frames, atOnce: atOnce)
    }
    guard 2 * valid >= frames else {
      throw FaceError.tooFewFaces(video: video, valid: valid, frames: frames)
    }
  }
}
