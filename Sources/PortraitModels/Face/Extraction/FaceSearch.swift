/// The first run over a video: finds the face that drives the portrait, frame by frame.
package struct FaceSearch: Sendable {
  private let detector: any FaceDetecting
  private let aligner: any FaceAligning
  private let options: FaceOptions
  private var tracker: any FaceTracking
  private var follower: FaceFollower
  private var cuts = SceneCutDetector()
  private var thumbnail: FrameThumbnail?
  /// Frames since the last one with a face.
  private var framesWithout = 0

  /// While there is no face, one frame in so many is searched thoroughly for a small one.
  private static let thoroughness = 6

  package init(detector: any FaceDetecting, aligner: any FaceAligning, options: FaceOptions) {
    self.detector = detector
    self.aligner = aligner
    self.options = options
    follower = FaceFollower(choice: options.choice, patience: options.patience)
    switch options.tracking {
    case .published: tracker = PublishedTracker()
    case .following: tracker = PersistentTracker()
    }
  }

  /// Looks at the next frame.
  ///
  /// - Parameter next: the one after it, by which a cut is told from a flash; nil at the end.
  /// - Throws: `FaceError.frame`, `FaceError.pointOutside`, and what the networks throw.
  package mutating func advance(_ frame: FaceFrame, next: FaceFrame?) throws -> FaceSighting {
    try frame.validate()
    switch options.tracking {
    case .published: return try advanceAsPublished(frame)
    case .following: return try follow(frame, next: next)
    }
  }

  private mutating func advanceAsPublished(_ frame: FaceFrame) throws -> FaceSighting {
    let found = KnownDetections(found: try detector.faces(in: frame).map(\.box))
    try tracker.advance(frame, given: nil, detections: found, aligner: aligner)
    return sighting(of: tracker.records.largest, detections: found.found, isCut: false)
  }

  private mutating func follow(_ frame: FaceFrame, next: FaceFrame?) throws -> FaceSighting {
    let current = try thumbnail ?? FrameThumbnail(bgr: frame.pixels)
    thumbnail = try next.map {
      try $0.validate()
      return try FrameThumbnail(bgr: $0.pixels)
    }
    let isCut = cuts.isCut(current, next: thumbnail)
    if isCut {
      tracker.reset()
      follower.reset()
      framesWithout = 0
    }
    var place: SIMD2<Double>?
    if case .point(let x, let y) = options.choice, follower.isUndecided {
      guard frame.bounds.contains([x, y]) else {
        throw FaceError.pointOutside(
          x: x, y: y, rows: frame.pixels.shape[0], columns: frame.pixels.shape[1])
      }
      place = [x, y]
    }
    let search = CloseSearch(
      frame: frame, detector: detector, place: place,
      isThorough: framesWithout % Self.thoroughness == 0)
    try tracker.advance(frame, given: nil, detections: search, aligner: aligner)
    framesWithout = tracker.records.isEmpty ? framesWithout + 1 : 0
    return sighting(of: follower.record(of: tracker.records), detections: [], isCut: isCut)
  }

  private func sighting(
    of chosen: FaceRecord?, detections: [FaceBox], isCut: Bool
  ) -> FaceSighting {
    FaceSighting(
      faces: tracker.records.map { .init(number: $0.number, box: $0.box) },
      chosen: chosen.map { .init(number: $0.number, box: $0.box) }, detections: detections,
      isCut: isCut)
  }
}

/// Boxes of a frame that was searched before.
struct KnownDetections: FrameDetections {
  let found: [FaceBox]

  func boxes() -> [FaceBox] { found }
  func boxesOfSmallFacesToo() -> [FaceBox] { found }
  func boxes(around box: FaceBox) -> [FaceBox] { [] }
}
