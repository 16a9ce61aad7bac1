/// What the search noted of a frame, so that the frame need not be searched again: some 100 bytes.
package struct FaceSighting: Sendable {
  /// A tracked face of the frame.
  package struct Face: Sendable {
    /// As `FaceChoice.number` counts.
    package let number: Int
    /// Extent of the smoothed landmarks, in pixels.
    package let box: FaceBox
  }

  /// All tracked faces.
  package let faces: [Face]
  /// Of `faces`, the one that drives the portrait; nil where the frame does not show it.
  package let chosen: Face?
  /// The detector's boxes, for tracking as published; empty in our own.
  package let detections: [FaceBox]
  /// Whether a new shot begins here.
  package let isCut: Bool
}
