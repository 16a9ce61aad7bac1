/// The second run over a video: the smoothed landmarks of the face that the first run found. It
/// needs no detector.
package struct FaceReader: Sendable {
  private let aligner: any FaceAligning
  private let options: FaceOptions
  private var tracker = PublishedTracker()
  private var record: FaceRecord?
  /// Whether the frame before had the face.
  private var isContinued = false

  /// A face that overlaps the one of the first run by less is another one.
  private static let sameFace = 0.3
  /// Below, the face is also looked for where the first run saw it.
  private static let doubtful = 0.5

  package init(aligner: any FaceAligning, options: FaceOptions) {
    self.aligner = aligner
    self.options = options
  }

  /// A face and its smoothed landmarks.
  package struct Reading: Sendable {
    /// In pixels.
    package let landmarks: FaceLandmarks
    /// Their extent.
    package let box: FaceBox
    package let angles: HeadAngles

    init?(_ record: FaceRecord?) {
      guard let record, let landmarks = record.landmarks else { return nil }
      self.landmarks = landmarks
      box = record.box
      angles = record.angles
    }
  }

  /// Reads the next frame.
  ///
  /// - Parameter sighting: what the first run found in it.
  /// - Returns: nil where the frame does not show the face.
  package mutating func advance(
    _ frame: FaceFrame, sighting: FaceSighting
  ) throws -> Reading? {
    guard let box = sighting.chosen?.box else {
      isContinued = false
      return nil
    }
    switch options.tracking {
    case .published:
      // Frames without a face are not looked at, so what was tracked before them goes on.
      try tracker.advance(
        frame, given: box, detections: KnownDetections(found: sighting.detections),
        aligner: aligner)
      return Reading(tracker.records.largest)
    case .following:
      if sighting.isCut { record = nil }
      try follow(frame, box: box)
      isContinued = record != nil
      return Reading(record)
    }
  }

  private mutating func follow(_ frame: FaceFrame, box: FaceBox) throws {
    func face(from start: FaceStart) throws -> AlignedFace? {
      let limits = TrackingLimits(side: TrackingLimits.smallestSide)
      guard let face = try aligner.face(in: frame, from: start),
        face.probability >= limits.probability,
        face.landmarks.bounds.overlap(box) > Self.sameFace
      else { return nil }
      return face
    }
    var found: AlignedFace?
    if isContinued, let start = record?.start { found = try face(from: start) }
    if (found?.probability ?? 0) < Self.doubtful, let other = try face(from: .box(box)),
      other.probability > found?.probability ?? 0
    {
      found = other
    }
    guard let found else {
      record = nil
      return
    }
    // The smoothing goes on over a short absence, but not from one place to another.
    let place = found.landmarks.bounds
    var next = record.flatMap { $0.box.overlap(place) > Self.sameFace ? $0 : nil }
    next = next ?? FaceRecord(number: 0, box: box)
    next?.follow(found)
    record = next
  }
}
