/// A ratio of whole numbers, kept exact: a frame rate (frames a second) or a time (seconds).
package struct Rational: Sendable, Hashable {
  package let numerator: Int
  package let denominator: Int

  /// - Parameter denominator: above 0.
  package init(_ numerator: Int, _ denominator: Int = 1) {
    precondition(denominator > 0, "a ratio's denominator is above 0")
    self.numerator = numerator
    self.denominator = denominator
  }

  /// The ratio in its lowest terms.
  ///
  /// - Parameter denominator: above 0.
  package init(reducing numerator: Int, _ denominator: Int) {
    let divisor = max(Self.greatestCommonDivisor(numerator.magnitude, denominator.magnitude), 1)
    self.init(numerator / Int(divisor), denominator / Int(divisor))
  }

  package var value: Double { Double(numerator) / Double(denominator) }

  private static func greatestCommonDivisor(_ a: UInt, _ b: UInt) -> UInt {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a
  }
}
