import Checkpoints

/// The networks of the face, which come as graphs of their own, by the names that users give them.
package enum FaceNetworkName: String, CaseIterable, Sendable {
  case detector = "face-detector"
  case landmarks = "face-landmarks"

  package var part: CheckpointLayout.Part {
    switch self {
    case .detector: .faceDetector
    case .landmarks: .faceLandmarks
    }
  }
}
