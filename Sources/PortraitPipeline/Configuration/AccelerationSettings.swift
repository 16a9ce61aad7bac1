import Diffusion

/// What makes a job faster.
package enum AccelerationKind: String, CaseIterable, Sendable, Codable {
  /// Adaptive Latent Prediction.
  case prediction = "alp"
  /// A model that an adapter turns into one of a few steps.
  case distillation = "distill"
  /// The timestep-embedding cache.
  case teaCache = "teacache"
  case none
}

/// What flags or files say of how a job is made faster; nil for what they leave open.
package struct AccelerationSettings: Sendable, Equatable {
  package var kind: AccelerationKind?

  // MARK: Adaptive Latent Prediction

  package var interval: Int?
  package var order: Int?
  package var series: LatentPrediction.Series?
  package var clock: LatentPrediction.Clock?
  package var alpha: Double?
  package var isDynamic: Bool?

  // MARK: TeaCache

  /// `enable_teacache`.
  package var caches: Bool?
  package var threshold: Double?
  /// `num_skip_start_steps`.
  package var startSteps: Int?

  // MARK: Step distillation

  /// `enable_step_distill`.
  package var distills: Bool?
  /// `denoising_step_list`.
  package var distilledSteps: [Int]?
  /// `step_distill_lora_strength`.
  package var adapterWeight: Float?

  package init() {}

  /// These, and where they leave something open, others.
  package func over(_ others: AccelerationSettings) -> AccelerationSettings {
    var result = self
    func fill<Value>(_ member: WritableKeyPath<AccelerationSettings, Value?>) {
      if result[keyPath: member] == nil { result[keyPath: member] = others[keyPath: member] }
    }
    fill(\.kind)
    fill(\.interval)
    fill(\.order)
    fill(\.series)
    fill(\.clock)
    fill(\.alpha)
    fill(\.isDynamic)
    fill(\.caches)
    fill(\.threshold)
    fill(\.startSteps)
    fill(\.distills)
    fill(\.distilledSteps)
    fill(\.adapterWeight)
    return result
  }

  // MARK: Use

  package var prediction: LatentPrediction {
    var prediction = LatentPrediction()
    prediction.interval = interval ?? prediction.interval
    prediction.order = order ?? prediction.order
    prediction.series = series ?? prediction.series
    prediction.clock = clock ?? prediction.clock
    prediction.alpha = alpha ?? prediction.alpha
    prediction.isDynamic = isDynamic ?? prediction.isDynamic
    return prediction
  }

  package var teaCache: TeaCache {
    var cache = TeaCache()
    cache.threshold = threshold ?? cache.threshold
    cache.startSteps = startSteps ?? cache.startSteps
    return cache
  }

  /// The steps that the published adapter was made for.
  package static let publishedSteps = [1000, 750, 500, 250]

  /// Whether a model can be distilled to such steps: levels of the training, going down.
  package static func areDistilled(_ steps: [Int]) -> Bool {
    guard let first = steps.first, let last = steps.last else { return false }
    return first <= NoiseSchedule.trainingSteps && last > 0
      && zip(steps, steps.dropFirst()).allSatisfy(>)
  }
}
