/// Which frames of one constant grid are shown on another one, both beginning with the first frame.
///
/// Place k of the new grid shows the frame that is nearest in time, the earlier one of two that are
/// as near; no frame is further than half a place of its own grid from its time. The new grid has
/// as many places as fit the duration, rounded to the nearest whole number (half a place counts as
/// one), and one at least. All of it is exact: rates are ratios, and nothing adds up.
package struct FrameResampling {
  // Places of the old grid for `denominator` places of the new one.
  private let numerator: Int
  private let denominator: Int
  // The time of the new grid's place, in places of the old one: whole ones and a rest over
  // `denominator`.
  private var whole = 0
  private var rest = 0

  /// Begins with the new grid's first place.
  ///
  /// - Parameters:
  ///   - own, rate: places a second of the old and of the new grid, above 0; the product of one's
  ///     numerator and the other's denominator is below 2^60.
  package init(from own: Rational, to rate: Rational) {
    let ratio = Rational(
      reducing: own.numerator * rate.denominator, own.denominator * rate.numerator)
    numerator = ratio.numerator
    denominator = ratio.denominator
  }

  /// The frame of the old grid that is shown, from 0.
  package var source: Int { whole + (2 * rest > denominator ? 1 : 0) }

  /// How many frames the old grid has at least where the new grid has this place.
  package var neededCount: Int {
    let half = 2 * rest + numerator
    return whole + half / (2 * denominator) + (half % (2 * denominator) > 0 ? 1 : 0)
  }

  /// Goes on to the next place.
  package mutating func advance() {
    whole += numerator / denominator
    rest += numerator % denominator
    if rest >= denominator {
      rest -= denominator
      whole += 1
    }
  }
}
