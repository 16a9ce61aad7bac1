import Diffusion
import PortraitPipeline

/// A way to save passes, as a row of a table.
struct AccelerationVariant: Encodable {
  enum Method {
    /// Fewer steps, all computed.
    case steps(Int)
    /// With the threshold at which so many steps are computed, which is another for every model.
    case teaCache(startSteps: Int, computedSteps: Int)
    case prediction(LatentPrediction)
  }

  var sampler = SamplerKind.flow
  /// Of the full run.
  let steps: Int
  let method: Method

  /// What a job of it is told.
  ///
  /// - Throws: `DiffusionError`, `TensorError`.
  func parameters(for model: SmoothModel) throws -> JobParameters {
    var parameters = JobParameters()
    parameters.sampler = sampler
    parameters.steps = steps
    switch method {
    case .steps(let steps): parameters.steps = steps
    case .teaCache(let startSteps, let count):
      let schedule = try sampler.sampler(steps: steps, shift: parameters.shift).schedule
      parameters.acceleration = .teaCache(
        try model.teaCache(computing: count, startSteps: startSteps, of: schedule))
    case .prediction(let prediction): parameters.acceleration = .prediction(prediction)
    }
    return parameters
  }

  var name: String {
    switch method {
    case .steps(let steps): return formatCount(steps, "step")
    case .teaCache(let startSteps, _):
      return "TeaCache, \(formatCount(startSteps, "first step")) computed"
    case .prediction(let prediction):
      let name = "K \(prediction.interval), n \(prediction.order)"
      // Nothing of the rest counts in order 0.
      guard prediction.order > 0 else { return name + " (reuse)" }
      return name + ", \(prediction.series), \(prediction.clock)"
        + (prediction.isDynamic ? ", dynamic" : "")
    }
  }

  // MARK: JSON

  private enum CodingKeys: String, CodingKey {
    case name, sampler, steps, prediction
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(sampler, forKey: .sampler)
    try container.encode(steps, forKey: .steps)
    if case .prediction(let prediction) = method {
      try container.encode(prediction, forKey: .prediction)
    }
  }
}

extension LatentPrediction {
  /// Predictions of one interval and order, by series, clock and functions.
  static func variants(interval: Int, order: Int, alpha: Double) -> [LatentPrediction] {
    Series.allCases.flatMap { series in
      Clock.allCases.flatMap { clock in
        [false, true].map { isDynamic in
          var prediction = LatentPrediction()
          (prediction.interval, prediction.order) = (interval, order)
          (prediction.series, prediction.clock) = (series, clock)
          (prediction.isDynamic, prediction.alpha) = (isDynamic, alpha)
          return prediction
        }
      }
    }
  }
}

/// What a variant came to, over all models.
struct AccelerationResult: Encodable {
  let variant: AccelerationVariant
  /// Steps that were computed, a mean over windows and models.
  let computedSteps: Double
  let predictedSteps: Double
  let fallbacks: Double
  /// Relative root-mean-square distances from the full run's latents, one for each model.
  let distances: [Double]
  /// The mean distance when the last interval begins; nil for runs of other steps.
  let distanceBeforeLast: Double?
  /// Of a run's steps, a mean over models.
  let seconds: Double

  var distance: Double { distances.reduce(0, +) / Double(distances.count) }
}
