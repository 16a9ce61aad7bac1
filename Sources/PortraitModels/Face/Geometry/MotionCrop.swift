import Imaging

/// The aligned crop that the motion encoder reads.
package enum MotionCrop {
  /// The landmarks that are brought to fixed places: both pupils, the nose and the corners of the
  /// mouth.
  package static let landmarks = [182, 202, 36, 149, 133]

  /// Those places, in units of the crop's side.
  package static let places: [SIMD2<Double>] = [
    [0.3843, 0.27], [0.62, 0.2668], [0.503, 0.4185], [0.406, 0.5273], [0.5977, 0.525],
  ]

  /// From the frame to the crop, by least squares.
  ///
  /// - Parameter size: rows and columns of the crop.
  /// - Returns: nil where the five points do not span a face.
  package static func matrix(around face: FaceLandmarks, size: Int) -> AffineMatrix? {
    .similarity(
      from: landmarks.map { face[$0] }, to: places.map { $0 * Double(size) })
  }
}
