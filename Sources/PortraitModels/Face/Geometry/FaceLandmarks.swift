import Foundation

/// The 222 points of a face that the landmark network finds, in pixels of the frame or of a crop.
package struct FaceLandmarks: Sendable, Equatable {
  package static let count = 222

  /// Points that move together, and are smoothed together.
  package enum Part: CaseIterable, Sendable {
    case outline, nose, brows, leftEye, rightEye, mouth, leftPupil, rightPupil

    package var points: Range<Int> {
      switch self {
      case .outline: 0..<33
      case .nose: 33..<48
      case .brows: 48..<74
      case .leftEye: 74..<96
      case .rightEye: 96..<118
      case .mouth: 118..<182
      case .leftPupil: 182..<202
      case .rightPupil: 202..<222
      }
    }
  }

  /// The corners of the eyes that tell how the head is tilted.
  package static let eyeCorners = (left: 74, right: 96)

  /// The ends of the outline, on both temples.
  package static let outlineEnds = (left: 0, right: 32)

  package private(set) var points: [SIMD2<Double>]

  /// - Parameter points: 222 of them.
  package init(_ points: [SIMD2<Double>]) {
    precondition(points.count == Self.count, "a face has \(Self.count) landmarks")
    self.points = points
  }

  package subscript(index: Int) -> SIMD2<Double> {
    get { points[index] }
    set { points[index] = newValue }
  }

  /// The extent of all points: the face's rectangle.
  package var bounds: FaceBox { FaceBox(enclosing: points) }

  /// Whether no coordinate is infinite or not a number.
  package var isFinite: Bool { points.allSatisfy { $0.x.isFinite && $0.y.isFinite } }

  /// How far the line from eye to eye is turned, in radians; positive where the right corner lies
  /// lower in the picture.
  package var eyeAngle: Double {
    let corner = points[Self.eyeCorners.right] - points[Self.eyeCorners.left]
    return atan2(corner.y, corner.x + 1e-8)
  }

  /// How wide the face is from temple to temple.
  package var outlineWidth: Double {
    let ends = points[Self.outlineEnds.left] - points[Self.outlineEnds.right]
    return (ends * ends).sum().squareRoot()
  }
}

/// How a head is turned, in radians.
package struct HeadAngles: Sendable, Equatable {
  package var pitch: Double
  package var yaw: Double
  package var roll: Double

  package init(pitch: Double, yaw: Double, roll: Double) {
    self.pitch = pitch
    self.yaw = yaw
    self.roll = roll
  }
}
