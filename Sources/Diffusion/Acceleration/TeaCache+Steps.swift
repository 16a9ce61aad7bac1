import TensorCore

extension TeaCache {
  /// What was decided at a step, and why.
  package struct Choice: Sendable, Equatable {
    /// Whether the blocks run.
    package let isComputed: Bool
    /// Relative L1 distance of the embedded timesteps, before it is rescaled; 0 at the first step.
    package let distance: Double
    /// The rescaled distances since the last computed step; 0 at a computed one.
    package let accumulated: Double
  }

  /// Which steps run the blocks; the others add again what the blocks added last. It depends on the
  /// timesteps alone, so it is the same for every window and guidance branch.
  ///
  /// - Parameter embeddings: of every step, what the blocks are modulated with (e0): float32 of one
  ///   shape.
  /// - Throws: `TensorError`.
  package func computedSteps(
    embeddings: [Tensor], on context: ComputeContext = .shared
  ) throws -> [Bool] {
    try choices(embeddings: embeddings, on: context).map(\.isComputed)
  }

  /// The same with the reasons (VideoX-Fun `TeaCache`).
  package func choices(
    embeddings: [Tensor], on context: ComputeContext = .shared
  ) throws -> [Choice] {
    var accumulated = 0.0
    return try embeddings.indices.map { step in
      // The first step has none before it, and must run whatever the options say.
      let distance =
        step == 0 ? 0 : try Self.distance(embeddings[step], from: embeddings[step - 1], on: context)
      if step < max(startSteps, 1) {
        return Choice(isComputed: true, distance: distance, accumulated: 0)
      }
      accumulated += Self.rescaled(distance)
      // Written so that what is no number is computed.
      let isComputed = !(accumulated < threshold)
      if isComputed { accumulated = 0 }
      return Choice(isComputed: isComputed, distance: distance, accumulated: accumulated)
    }
  }

  /// The polynomial published for Wan2.1-I2V-14B-720P, from embeddings' distances to outputs'.
  package static func rescaled(_ distance: Double) -> Double {
    coefficients.reduce(0) { $0 * distance + $1 }
  }

  /// Highest power first.
  private static let coefficients = [
    8107.05460, 2133.93892, -372.934672, 16.6203073, -0.0417769401,
  ]

  /// mean |a - b| / mean |b|.
  private static func distance(
    _ tensor: Tensor, from former: Tensor, on context: ComputeContext
  ) throws -> Double {
    func sumOfMagnitudes(_ values: [Float]) -> Double {
      values.reduce(0) { $0 + Double(abs($1)) }
    }
    let change = try tensor.combined(with: former, by: .subtract, on: context)
    return try sumOfMagnitudes(change.floats(on: context))
      / sumOfMagnitudes(former.floats(on: context))
  }
}
