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

  /// A ratio as people write it, taken exactly: `25`, `29.97`, `30000/1001`.
  ///
  /// - Returns: nil for anything else: signs, blanks, exponents, a denominator of 0, more than nine
  ///   digits, or more than six after the point.
  package init?(text: String) {
    func whole(_ digits: Substring) -> Int? {
      guard (1...9).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) })
      else { return nil }
      return Int(digits)
    }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let decimals = text.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count == 2, let numerator = whole(parts[0]), let denominator = whole(parts[1]),
      denominator > 0
    {
      self.init(reducing: numerator, denominator)
    } else if decimals.count == 2, decimals[1].utf8.count <= 6, let units = whole(decimals[0]),
      let fraction = whole(decimals[1])
    {
      let scale = decimals[1].utf8.reduce(1) { product, _ in product * 10 }
      self.init(reducing: units * scale + fraction, scale)
    } else {
      guard let number = whole(text[...]) else { return nil }
      self.init(number)
    }
  }

  package var value: Double { Double(numerator) / Double(denominator) }

  private static func greatestCommonDivisor(_ a: UInt, _ b: UInt) -> UInt {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a
  }
}

extension Rational: CustomStringConvertible {
  /// "25", "30000/1001".
  package var description: String {
    denominator == 1 ? "\(numerator)" : "\(numerator)/\(denominator)"
  }
}
