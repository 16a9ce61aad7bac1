import TensorCore

/// What a driving video tells of every frame.
package struct ExpressionFeatures: Sendable {
  /// `[frames, width]` float32, as `ExpressionLayout` has them; where a frame does not show the face, in
  /// between those of its neighbours that do.
  package let features: Tensor
  /// `[frames, 222, 2]` float32, x and y in pixels, smoothed; 0 where the frame does not show the face.
  package let landmarks: Tensor
  /// `[frames, 4]` float32: left, top, right and bottom of the face in pixels; 0 likewise.
  package let boxes: Tensor
  /// `[frames, 3]` float32: pitch, yaw and roll as the landmark network answers, in radians; 0
  /// likewise.
  package let angles: Tensor
  /// Whether a frame shows the face.
  package let validity: [Bool]
  /// What the search found in every frame, other people's faces too.
  package let sightings: [FaceSighting]

  /// Frames of the video.
  package var frames: Int { validity.count }

  /// Frames that begin a new shot.
  package var cuts: [Int] { sightings.indices.filter { sightings[$0].isCut } }

  /// What the user should know, a line each; empty where every frame shows a face large enough.
  package var warnings: [String] {
    [facelessWarning, smallWarning].compactMap(\.self)
  }

  private var facelessWarning: String? {
    let faceless = validity.indices.filter { !validity[$0] }
    guard !faceless.isEmpty else { return nil }
    let named = faceless.prefix(Self.named).map(String.init).joined(separator: ", ")
    let more = faceless.count > Self.named ? ", ..." : ""
    return
      "no face in \(faceless.count) of \(frames.counted("frame")), filled from their neighbours: "
      + named + more
  }

  private var smallWarning: String? {
    let sides = sightings.compactMap(\.chosen?.box.shorterSide)
      .filter { $0 < TrackingLimits.publishedSide }
    guard let smallest = sides.min() else { return nil }
    return
      "the face is small in \(sides.count.counted("frame")), \(Int(smallest)) pixels at the least, "
      + "and was enlarged: with \(Int(TrackingLimits.publishedSide)) pixels or more the expression is "
      + "finer"
  }

  /// Frame numbers that a warning lists.
  private static let named = 5
}
