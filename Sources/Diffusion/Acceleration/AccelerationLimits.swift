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
}

extension TeaCache {
  /// What flags and files may ask for.
  package enum Limits {
    /// 0 computes every step whose distance is not rescaled to less than nothing.
    package static let threshold = 0.0...100
    /// The first step has nothing to add again.
    package static let startSteps = 1...NoiseSchedule.trainingSteps
  }
}
