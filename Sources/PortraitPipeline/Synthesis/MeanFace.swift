import Foundation
import PortraitModels

/// A symmetric face drawn by formulas, with the groups and the order of the 222 landmarks.
///
/// Its pupils, nose and mouth lie as far from one another as in the crop that the motion encoder takes
/// (`MotionCrop`). Lengths below are in distances from pupil to pupil, from the middle between them.
enum MeanFace {
  /// In units of the landmark network's crop: the face lies in its middle and takes the share of it
  /// that the next crop gives it, so that it stays where it is from round to round.
  static var landmarks: FaceLandmarks {
    let points =
      outline + nose + brow(-0.5) + brow(0.5) + eye(-0.5) + eye(0.5)
      + lips(width: 0.41, above: 0.1, below: 0.16) + lips(width: 0.37, above: 0.02, below: 0.02)
      + pupil(-0.5) + pupil(0.5)
    let bounds = FaceBox(enclosing: points)
    return FaceLandmarks(
      points.map { ($0 - bounds.centre) * (FaceCrop.share / bounds.longerSide) + 0.5 })
  }

  private typealias Points = [SIMD2<Double>]

  /// Points of an ellipse, from one angle to another in equal steps; 0 lies to the right, a quarter
  /// turn below.
  private static func arc(
    _ count: Int, centre: SIMD2<Double>, radii: SIMD2<Double>, from start: Double, to end: Double
  ) -> Points {
    (0..<count).map { index in
      let angle = 2 * .pi * (start + (end - start) * Double(index) / Double(count - 1))
      return centre + radii * [cos(angle), sin(angle)]
    }
  }

  /// From the left temple over the chin to the right temple.
  private static var outline: Points {
    arc(33, centre: [0, 0], radii: [0.85, 1.7], from: 0.5, to: 0)
  }

  /// The bridge down to the tip, then the wings and the base from left to right.
  private static var nose: Points {
    [[0, 0], [0, 0.21], [0, 0.42], [0, 0.63]]
      + arc(11, centre: [0, 0.6], radii: [0.24, 0.17], from: 0.55, to: -0.05)
  }

  /// The upper edge from left to right, the lower edge back.
  private static func brow(_ x: Double) -> Points {
    let centre = SIMD2(x, -0.2)
    return arc(7, centre: centre, radii: [0.32, 0.15], from: 0.5, to: 1)
      + arc(6, centre: centre, radii: [0.26, 0.08], from: 1, to: 0.5)
  }

  /// The left corner, the upper lid, the right corner, the lower lid back.
  private static func eye(_ x: Double) -> Points {
    arc(12, centre: [x, 0], radii: [0.2, 0.08], from: 0.5, to: 1)
      + Points(
        arc(12, centre: [x, 0], radii: [0.2, 0.08], from: 0, to: 0.5).dropFirst().dropLast())
  }

  /// The upper edge from left to right, the right corner, the lower edge back, the left corner.
  private static func lips(width: Double, above: Double, below: Double) -> Points {
    let centre = SIMD2(0, 1.09)
    let halves = [
      arc(17, centre: centre, radii: [width, above], from: 0.5, to: 1),
      arc(17, centre: centre, radii: [width, below], from: 0, to: 0.5),
    ]
    return halves.flatMap { $0.dropFirst() }
  }

  /// The centre, then the rim from its top.
  private static func pupil(_ x: Double) -> Points {
    [[x, 0]] + arc(20, centre: [x, 0], radii: [0.08, 0.08], from: 0.75, to: 1.75).dropLast()
  }
}
