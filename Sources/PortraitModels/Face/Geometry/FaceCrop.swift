import Foundation
import Imaging

/// Where square crops round a face come from, as the landmark network takes them.
///
/// Matrices map the frame to the crop. They are nil where a face has no extent.
package enum FaceCrop {
  /// The share of the crop's side that the longer side of the face takes.
  package static let share = 0.85

  /// The crop round a box, centre on centre.
  ///
  /// - Parameters:
  ///   - angle: radians; the frame is turned against it.
  ///   - size: rows and columns of the crop.
  package static func matrix(around box: FaceBox, angle: Double, size: Int) -> AffineMatrix? {
    let turn = AffineMatrix.turn(by: angle, scale: Double(size) / box.longerSide * share)
    return turn.centring(box.centre, size: size)
  }

  /// The crop round landmarks: turned by an angle, scaled by the extent of the turned points, with
  /// that extent in its middle.
  ///
  /// - Parameters:
  ///   - angle: radians, nil for that of the eyes.
  ///   - size: rows and columns of the crop.
  package static func matrix(
    around landmarks: FaceLandmarks, angle: Double? = nil, size: Int
  ) -> AffineMatrix? {
    let angle = angle ?? landmarks.eyeAngle
    let turned = FaceBox(enclosing: AffineMatrix.turn(by: angle, scale: 1)(landmarks.points))
    let scale = Double(size) / turned.longerSide * share
    let scaled = AffineMatrix.turn(by: angle, scale: scale)
    let middle = FaceBox(enclosing: scaled(landmarks.points)).centre
    let offset = SIMD2(repeating: Double(size) / 2) - middle
    return scaled.followed(by: .translation(offset)).usable
  }
}

extension AffineMatrix {
  /// Turns about the origin against an angle in radians, and scales.
  fileprivate static func turn(by angle: Double, scale: Double) -> AffineMatrix {
    let (cosine, sine) = (scale * cos(angle), scale * sin(angle))
    return AffineMatrix(x: [cosine, sine, 0], y: [-sine, cosine, 0])
  }

  /// Followed by the shift that brings a point to the middle of a square.
  fileprivate func centring(_ point: SIMD2<Double>, size: Int) -> AffineMatrix? {
    followed(by: .translation(SIMD2(repeating: Double(size) / 2) - self(point))).usable
  }

  /// Itself where it is finite and has an inverse.
  var usable: AffineMatrix? { inverse == nil ? nil : self }
}
