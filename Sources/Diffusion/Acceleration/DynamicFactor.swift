import Foundation

/// The functions that the terms of the series are divided by (FlashPortrait, section 3.4).
enum DynamicFactor {
  /// Each of the two functions. Together they then change the linear term by no more than what is
  /// still in family (1/4 to 4): a prediction is dropped for what the steps do, never for the
  /// functions alone, and one layer or step that is far from the mean cannot make it useless.
  static let bounds = 0.5...2.0

  /// A quotient of magnitudes; nothing by nothing is 1.
  static func ratio(_ magnitude: Double, _ mean: Double) -> Double {
    magnitude == 0 && mean == 0 ? 1 : magnitude / mean
  }

  /// s: `ratio` is the speed by the mean of the speeds so far.
  static func speed(ratio: Double, alpha: Double) -> Double { bounded(pow(ratio, alpha)) }

  /// w: `ratio` is a layer's magnitude of a derivative by the mean over layers.
  static func layer(ratio: Double) -> Double { bounded(1 / ratio.squareRoot()) }

  private static func bounded(_ factor: Double) -> Double {
    factor.isNaN ? 1 : min(max(factor, bounds.lowerBound), bounds.upperBound)
  }
}
