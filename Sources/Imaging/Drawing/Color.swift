/// A colour of 8 bits a channel.
package struct Color: Sendable, Hashable {
  package let red: UInt8
  package let green: UInt8
  package let blue: UInt8

  package init(red: UInt8, green: UInt8, blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  package static let black = Color(red: 0, green: 0, blue: 0)
  package static let white = Color(red: 255, green: 255, blue: 255)

  /// The channels as a picture has them.
  func channels(_ order: PixelOrder) -> SIMD3<Double> {
    let rgb = SIMD3(Double(red), Double(green), Double(blue))
    return order == .rgb ? rgb : SIMD3(rgb.z, rgb.y, rgb.x)
  }
}
