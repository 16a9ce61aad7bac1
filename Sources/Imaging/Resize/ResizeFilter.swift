import Foundation

/// How a pixel of a resized picture is made of those under it, as Pillow names them. When a picture
/// shrinks, the filter widens by the factor.
package enum ResizeFilter: String, CaseIterable, Codable, Sendable {
  case box, bilinear, hamming, bicubic, lanczos

  /// How far it reaches, in output pixels where it shrinks, else in input pixels.
  var support: Double {
    switch self {
    case .box: 0.5
    case .bilinear, .hamming: 1
    case .bicubic: 2
    case .lanczos: 3
    }
  }

  /// The weight at a distance, in double precision (Pillow's Resample.c).
  func weight(at distance: Double) -> Double {
    let x = abs(distance)
    switch self {
    case .box: return distance > -0.5 && distance <= 0.5 ? 1 : 0
    case .bilinear: return x < 1 ? 1 - x : 0
    case .hamming:
      // The two constants are float32 numbers there.
      return x < 1
        ? Self.sinc(x) * (Double(Float(0.54)) + Double(Float(0.46)) * cos(x * .pi)) : 0
    case .bicubic:
      let a = -0.5
      if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
    case .lanczos:
      return distance >= -3 && distance < 3 ? Self.sinc(distance) * Self.sinc(distance / 3) : 0
    }
  }

  private static func sinc(_ x: Double) -> Double {
    x == 0 ? 1 : sin(x * .pi) / (x * .pi)
  }
}
