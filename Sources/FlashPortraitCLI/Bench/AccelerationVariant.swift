import Diffusion
import PortraitPipeline

/// A way to save passes, as a row of a table.
struct AccelerationVariant: Encodable {
  var sampler = SamplerKind.flow
  let steps: Int
  var prediction: LatentPrediction?
  var teaCache: TeaCache?

  /// What a job of it is told.
  func parameters(_ base: JobParameters) -> JobParameters {
    var parameters = base
    parameters.sampler = sampler
    parameters.steps = steps
    if let prediction { parameters.acceleration = .prediction(prediction) }
    if let teaCache { parameters.acceleration = .teaCache(teaCache) }
    return parameters
  }

  var name: String {
    if let prediction {
      let name = "K \(prediction.interval), n \(prediction.order)"
      // Nothing of the rest counts in order 0.
      guard prediction.order > 0 else { return name + " (reuse)" }
      return name + ", \(prediction.series), \(prediction.clock)"
        + (prediction.isDynamic ? ", dynamic" : "")
    }
    if let teaCache { return "TeaCache, \(formatCount(teaCache.startSteps, "first step"))" }
    return "\(steps) steps"
  }

  /// Predictions of one length and order, by series, clock and functions.
  static func predictions(interval: Int, order: Int) -> [LatentPrediction] {
    LatentPrediction.Series.allCases.flatMap { series in
      LatentPrediction.Clock.allCases.flatMap { clock in
        [false, true].map { isDynamic in
          var prediction = LatentPrediction()
          prediction.interval = interval
          prediction.order = order
          prediction.series = series
          prediction.clock = clock
          prediction.isDynamic = isDynamic
          return prediction
        }
      }
    }
  }
}

/// What a variant came to, over all seeds.
struct AccelerationResult: Encodable {
  let variant: AccelerationVariant
  /// Steps that were computed, a mean over windows and seeds.
  let computedSteps: Double
  let predictedSteps: Double
  let fallbacks: Double
  /// Relative root-mean-square distances from the full run's latents, one for each seed.
  let distances: [Double]
  /// Of a run's steps, a mean over seeds.
  let seconds: Double

  var distance: Double { distances.reduce(0, +) / Double(distances.count) }
}
