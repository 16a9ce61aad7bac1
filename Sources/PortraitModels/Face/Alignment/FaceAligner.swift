import Imaging
import TensorCore

/// Finds landmarks in several rounds, each on a crop that the round before placed better.
package struct FaceAligner: FaceAligning {
  /// What is done in one round.
  package struct Round {
    /// From the frame to the crop.
    package let matrix: AffineMatrix
    /// U8 `[rows, columns, 3]`.
    package let crop: Tensor
  }

  package let network: any LandmarkRegressing
  private let context: ComputeContext

  /// Rounds for each face.
  package static let rounds = 3

  package init(network: any LandmarkRegressing, context: ComputeContext = .shared) {
    self.network = network
    self.context = context
  }

  package func face(in frame: FaceFrame, from start: FaceStart) throws -> AlignedFace? {
    try face(in: frame, from: start, observer: nil)
  }

  /// - Parameters:
  ///   - observer: is shown every round.
  /// - Returns: nil where a face shrinks to a point or the network's answer is no number.
  /// - Throws: `ImagingError`, and what the network throws.
  package func face(
    in frame: FaceFrame, from start: FaceStart, observer: ((Round) -> Void)?
  ) throws -> AlignedFace? {
    let size = network.cropSize
    var matrix: AffineMatrix?
    switch start {
    case .box(let box): matrix = FaceCrop.matrix(around: box, angle: 0, size: size)
    case .landmarks(let landmarks): matrix = FaceCrop.matrix(around: landmarks, size: size)
    }
    var found: AlignedFace?
    for _ in 0..<Self.rounds {
      guard let toCrop = matrix, let back = toCrop.inverse else { return nil }
      let crop = try frame.pixels.warped(
        by: toCrop, rows: size, columns: size, filter: .linear, on: context)
      observer?(Round(matrix: toCrop, crop: crop))
      let estimate = try network.landmarks(in: crop)
      let landmarks = FaceLandmarks(estimate.landmarks.points.map { back($0 * Double(size)) })
      guard landmarks.isFinite, estimate.pitch.isFinite, estimate.yaw.isFinite else { return nil }
      // As published: the next crop is turned by what this one lacked, not by the sum of both.
      let roll = estimate.landmarks.eyeAngle
      matrix = FaceCrop.matrix(around: landmarks, angle: roll, size: size)
      found = AlignedFace(
        landmarks: landmarks,
        angles: HeadAngles(pitch: estimate.pitch, yaw: estimate.yaw, roll: roll),
        probability: estimate.probability)
    }
    return found
  }
}
