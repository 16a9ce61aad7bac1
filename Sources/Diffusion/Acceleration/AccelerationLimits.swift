extension LatentPrediction {
  /// What flags and files may ask for.
  package enum Limits {
    /// Beyond the published 3, one order more: each costs a hidden state of memory.
    package static let order = 0...4
    /// 1 computes every step.
    package static let interval = 1...NoiseSchedule.trainingSteps
    /// 0 leaves the speed out.
    package static let alpha = 0.0...10
  }

  /// - Throws: `DiffusionError.acceleration`.
  package func validate() throws {
    try require(order, in: Limits.order, "order of the latent prediction")
    try require(interval, in: Limits.interval, "interval of the latent prediction")
    try require(alpha, in: Limits.alpha, "alpha of the latent prediction")
  }
}

extension TeaCache {
  /// What flags and files may ask for.
  package enum Limits {
    /// 0 computes every step whose distance is not rescaled to less than nothing. Of trained weights 0.1
    /// to 0.3 are usual; of those that follow a formula every step is far from the last.
    package static let threshold = 0.0...1_000_000
    /// The first step has nothing to add again.
    package static let startSteps = 1...NoiseSchedule.trainingSteps
  }

  /// - Throws: `DiffusionError.acceleration`.
  package func validate() throws {
    try require(threshold, in: Limits.threshold, "threshold of TeaCache")
    try require(startSteps, in: Limits.startSteps, "first steps of TeaCache")
  }
}

private func require<Value: Comparable>(
  _ value: Value, in range: ClosedRange<Value>, _ option: String
) throws {
  guard !range.contains(value) else { return }
  throw DiffusionError.acceleration(
    option: option, expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(value)")
}
