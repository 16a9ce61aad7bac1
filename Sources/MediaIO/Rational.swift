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

  package var value: Double { Double(numerator) / Double(denominator) }
}
