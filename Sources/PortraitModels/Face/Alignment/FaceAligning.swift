import Imaging
import TensorCore

/// Where the landmarks of a face are looked for.
package enum FaceStart: Sendable {
  /// A detector's box.
  case box(FaceBox)
  /// Those of the frame before.
  case landmarks(FaceLandmarks)
}

/// A face with its landmarks.
package struct AlignedFace: Sendable {
  /// In pixels of the frame.
  package let landmarks: FaceLandmarks
  /// Radians; the roll is that of the eyes within the last crop.
  package let angles: HeadAngles
  /// 0 to 1.
  package let probability: Double

  package init(landmarks: FaceLandmarks, angles: HeadAngles, probability: Double) {
    self.landmarks = landmarks
    self.angles = angles
    self.probability = probability
  }
}

/// Finds the landmarks of one face in a frame.
package protocol FaceAligning: Sendable {
  /// - Returns: nil where there is nothing to look at.
  func face(in frame: FaceFrame, from start: FaceStart) throws -> AlignedFace?
}
