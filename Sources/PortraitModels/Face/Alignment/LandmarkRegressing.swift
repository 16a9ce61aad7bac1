import Imaging
import TensorCore

/// What the landmark network answers for a crop.
package struct LandmarkEstimate: Sendable {
  /// In units of the crop's side.
  package let landmarks: FaceLandmarks
  /// Radians.
  package let pitch: Double
  package let yaw: Double
  /// That the crop shows a face, 0 to 1.
  package let probability: Double

  package init(landmarks: FaceLandmarks, pitch: Double, yaw: Double, probability: Double) {
    self.landmarks = landmarks
    self.pitch = pitch
    self.yaw = yaw
    self.probability = probability
  }
}

/// Finds the landmarks of the face in a crop.
package protocol LandmarkRegressing: Sendable {
  /// - Parameter crop: `[cropSize, cropSize, 3]` bytes of blue, green and red.
  func landmarks(in crop: Tensor) throws -> LandmarkEstimate

  /// Rows and columns of the crop.
  var cropSize: Int { get }
}
