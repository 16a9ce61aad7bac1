/// What counts as a face while tracking.
package struct TrackingLimits: Sendable {
  /// A face of a lower probability is gone.
  package var probability = 0.0001
  /// Pixels of the frame that a face's width and height have at least.
  package var side: Double

  /// Sides that the published tracking wants.
  package static let publishedSide = 96.0
  /// The smallest side that is worth enlarging: the landmark network's crop then has 6 pixels for
  /// each one of the face.
  package static let smallestSide = 16.0

  package init(side: Double) { self.side = side }

  func holds(_ box: FaceBox) -> Bool { box.width >= side && box.height >= side }
}

/// The detector's boxes of one frame, asked for when they are needed.
package protocol FrameDetections {
  /// In the whole frame.
  func boxes() throws -> [FaceBox]
  /// The same, and also in enlarged parts of the frame if nothing was found: small faces.
  func boxesOfSmallFacesToo() throws -> [FaceBox]
  /// In an enlarged part of the frame round a box.
  func boxes(around box: FaceBox) throws -> [FaceBox]
}

/// Tracks all faces of a video.
package protocol FaceTracking: Sendable {
  /// The faces of the last frame.
  var records: [FaceRecord] { get }

  /// - Parameters:
  ///   - given: where a face is if none is tracked; nil to ask the detector.
  mutating func advance(
    _ frame: FaceFrame, given: FaceBox?, detections: some FrameDetections,
    aligner: some FaceAligning
  ) throws

  /// Forgets all faces: what comes next has nothing to do with what came before.
  mutating func reset()
}
