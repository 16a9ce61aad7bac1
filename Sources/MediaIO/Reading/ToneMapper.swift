import Foundation

/// Brings pictures of BT.2020 colours, PQ or HLG light, to BT.709 at ordinary brightness.
///
/// FFmpeg's own way (its `zscale` and `tonemap` filters) needs a library that not every build has,
/// and clips or dims skin; this one gives the same pixels everywhere. Light is decoded (BT.2100),
/// compressed by the curve of ITU-R BT.2390 section 5.4.1 from the film's peak to 203 cd/m2, the white
/// of ITU-R BT.2408, on the largest channel so that hues stay, and encoded for the display of
/// ITU-R BT.1886. What is darker than the curve's knee (43 cd/m2 and more) keeps its light.
final class ToneMapper {
  private let light: WideLight

  /// Light of each 16-bit number; the peak is 1.
  private let decoded: [Float]
  /// By the square root of the largest channel: what all three are multiplied with. White is 1 after
  /// it.
  private let gain: [Float]
  /// HLG alone: gain of the display's gamma by the square root of the luminance.
  private let displayGain: [Float]
  /// 8-bit number by the square root of the light.
  private let encoded: [UInt8]

  private static let white = 203.0
  private static let displayPeak = 1000.0
  private static let steps = 4096

  /// - Parameter peak: the film's brightest light in cd/m2; 0 where it is not known.
  init(_ light: WideLight, peak: Double) {
    self.light = light
    let peak = Self.usedPeak(light, peak)
    decoded = (0...65535).map { Float(Self.decode(Double($0) / 65535, light, peak)) }
    gain = Self.table { root in
      let value = root * root * peak
      let target = Self.compressed(value, peak)
      return value > 0 ? Float(target / Self.white * peak / value) : Float(peak / Self.white)
    }
    displayGain = Self.table { root in Float(pow(root * root, 0.2)) }
    encoded = (0..<Self.steps).map { step in
      let root = Double(step) / Double(Self.steps - 1)
      return UInt8((pow(root, 2 / 2.4) * 255).rounded())
    }
  }

  private static func table(_ value: (Double) -> Float) -> [Float] {
    (0..<steps).map { value(Double($0) / Double(steps - 1)) }
  }

  private static func usedPeak(_ light: WideLight, _ peak: Double) -> Double {
    switch light {
    case .perceptualQuantizer: peak > 0 ? min(max(peak, white), 10_000) : displayPeak
    case .hybridLogGamma: displayPeak
    case .standardRange: white
    }
  }

  // MARK: Light

  /// Light of a number 0...1, where `peak` is 1.
  private static func decode(_ number: Double, _ light: WideLight, _ peak: Double) -> Double {
    switch light {
    case .perceptualQuantizer: min(luminance(number) / peak, 1)
    case .hybridLogGamma: sceneLight(number)
    case .standardRange: pow(number, 2.4)
    }
  }

  // SMPTE ST 2084.
  private static let m1 = 2610.0 / 16384
  private static let m2 = 2523.0 / 32
  private static let c1 = 3424.0 / 4096
  private static let c2 = 2413.0 / 128
  private static let c3 = 2392.0 / 128

  /// PQ number to cd/m2.
  private static func luminance(_ number: Double) -> Double {
    let root = pow(number, 1 / m2)
    return 10_000 * pow(max(root - c1, 0) / (c2 - c3 * root), 1 / m1)
  }

  /// cd/m2 to PQ number.
  private static func quantized(_ luminance: Double) -> Double {
    let power = pow(luminance / 10_000, m1)
    return pow((c1 + c2 * power) / (1 + c3 * power), m2)
  }

  /// HLG number to light of the scene (ARIB STD-B67).
  private static func sceneLight(_ number: Double) -> Double {
    let a = 0.17883277
    let b = 1 - 4 * a
    let c = 0.5 - a * log(4 * a)
    return number <= 0.5 ? number * number / 3 : (exp((number - c) / a) + b) / 12
  }

  /// The curve of BT.2390: cd/m2 to cd/m2, at most white.
  private static func compressed(_ luminance: Double, _ peak: Double) -> Double {
    let top = quantized(peak)
    let ceiling = quantized(white) / top
    let knee = 1.5 * ceiling - 0.5
    let value = quantized(luminance) / top
    guard value > knee, knee < 1 else { return luminance }
    let t = (value - knee) / (1 - knee)
    let (t2, t3) = (t * t, t * t * t)
    let bent =
      (2 * t3 - 3 * t2 + 1) * knee + (t3 - 2 * t2 + t) * (1 - knee) + (3 * t2 - 2 * t3) * ceiling
    return self.luminance(bent * top)
  }

  // MARK: Pixels

  /// Maps a run of pixels.
  ///
  /// - Parameters:
  ///   - source: red, green and blue, 16 bits.
  ///   - target: the same in 8 bits.
  func map(
    _ source: [UnsafePointer<UInt16>], to target: [UnsafeMutablePointer<UInt8>], count: Int
  ) {
    let isHybrid = light == .hybridLogGamma
    decoded.withUnsafeBufferPointer { decoded in
      gain.withUnsafeBufferPointer { gain in
        displayGain.withUnsafeBufferPointer { displayGain in
          encoded.withUnsafeBufferPointer { encoded in
            let (red, green, blue) = (source[0], source[1], source[2])
            for index in 0..<count {
              var r = decoded[Int(red[index])]
              var g = decoded[Int(green[index])]
              var b = decoded[Int(blue[index])]
              if isHybrid {
                let scale = displayGain[Self.step(0.2627 * r + 0.6780 * g + 0.0593 * b)]
                (r, g, b) = (r * scale, g * scale, b * scale)
              }
              let scale = gain[Self.step(max(r, g, b))]
              (r, g, b) = (r * scale, g * scale, b * scale)
              // BT.2020 to BT.709 (ITU-R BT.2087).
              target[0][index] = encoded[Self.step(1.6605 * r - 0.5876 * g - 0.0728 * b)]
              target[1][index] = encoded[Self.step(-0.1246 * r + 1.1329 * g - 0.0083 * b)]
              target[2][index] = encoded[Self.step(-0.0182 * r - 0.1006 * g + 1.1187 * b)]
            }
          }
        }
      }
    }
  }

  /// The table's place for a light of 0...1 (what is outside is cut off).
  @inline(__always) private static func step(_ light: Float) -> Int {
    Int(min(max(light, 0), 1).squareRoot() * Float(steps - 1) + 0.5)
  }
}
