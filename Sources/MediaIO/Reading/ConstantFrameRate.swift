/// The constant rate at which a video is read, from what its container and codec say.
package enum ConstantFrameRate {
  /// A rate that neither container nor codec names.
  package static let unknown = Rational(25)

  /// Chooses the rate of the grid that frames are placed on.
  ///
  /// The base rate (on whose ticks all timestamps lie) is taken where the average is near it: up to
  /// one frame in five may be missing, and is repeated. Else the rate varies, and the average is
  /// taken, rounded to a usual rate where one lies within 3 %: a base of 90,000 ticks a second, or
  /// of 60 where half the frames are missing, would only repeat frames.
  ///
  /// - Parameters:
  ///   - average: frames by duration (`avg_frame_rate`); nil where unknown.
  ///   - base: the rate of the ticks (`r_frame_rate`); nil where unknown.
  package static func choose(average: Rational?, base: Rational?) -> Rational {
    let average = average.flatMap { isPlausible($0) ? $0 : nil }
    let base = base.flatMap { isPlausible($0) ? $0 : nil }
    guard let average else { return base.map { usual(near: $0, within: 3e-4) ?? $0 } ?? unknown }
    if let base, (0.9...1.251).contains(base.value / average.value) {
      return usual(near: base, within: 3e-4) ?? base
    }
    let tolerance = base.map { abs($0.value / average.value - 1) < 1e-3 } ?? false ? 3e-4 : 0.03
    return usual(near: average, within: tolerance) ?? rounded(average)
  }

  /// The largest numerator or denominator of a rate that is asked for.
  package static let longestTerm = 1_000_000

  /// Whether a video can be read at a rate.
  package static func accepts(_ rate: Rational) -> Bool {
    rate.numerator <= longestTerm && rate.denominator <= longestTerm && isPlausible(rate)
  }

  /// From one frame in ten minutes, as slides have, to high-speed cameras.
  private static func isPlausible(_ rate: Rational) -> Bool {
    (1.0 / 600...1000).contains(rate.value)
  }

  /// The nearest rate of film, television and screens, nil where none is that near.
  ///
  /// 30000/1001 and 30 are 0.1 % apart, and containers round the former to 29.97.
  private static func usual(near rate: Rational, within tolerance: Double) -> Rational? {
    let candidates = usualRates.map { (rate: $0, distance: abs($0.value / rate.value - 1)) }
    guard let nearest = candidates.min(by: { $0.distance < $1.distance }) else { return nil }
    return nearest.distance <= tolerance ? nearest.rate : nil
  }

  private static let usualRates: [Rational] =
    [5, 6, 8, 10, 12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 72, 90, 100, 120, 144, 240].map {
      Rational($0)
    } + [Rational(15, 2), Rational(25, 2)]
    + [12, 15, 24, 30, 48, 60, 120, 240].map { Rational($0 * 1000, 1001) }

  /// A rate of a short fraction: whole thousandths of a frame a second.
  private static func rounded(_ rate: Rational) -> Rational {
    if rate.denominator <= 1001 && rate.numerator <= 1_000_000 { return rate }
    return Rational(reducing: max(Int((rate.value * 1000).rounded()), 1), 1000)
  }
}
