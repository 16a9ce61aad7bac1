/// How Adaptive Latent Prediction makes the steps between two full ones (FlashPortrait, section 3.4).
package struct LatentPrediction: Sendable, Equatable, Codable {
  /// The polynomial through the full steps.
  package enum Series: String, CaseIterable, Sendable, Codable {
    /// As published: one-sided differences in the place of derivatives; exact for what changes linearly.
    case taylor
    /// Newton's form of the same differences; exact for every polynomial of the order.
    case newton
  }

  /// What the distance of two steps is.
  package enum Clock: String, CaseIterable, Sendable, Codable {
    /// As published: the number of steps between them.
    case steps
    /// The difference of their noise levels.
    case sigmas
  }

  /// Of the series: 0 uses the last full step again.
  package var order = 3
  /// Steps from one full step to the next.
  package var interval = 5
  package var series = Series.newton
  package var clock = Clock.steps
  /// Exponent of the speed's function.
  package var alpha = 1.5
  /// Whether the terms are scaled by speed and layer.
  package var isDynamic = true

  package init() {}
}
