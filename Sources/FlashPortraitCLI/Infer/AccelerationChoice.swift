import Diffusion
import PortraitPipeline

/// How a job is made faster, and why so.
package struct AccelerationChoice: Sendable, Equatable {
  package var kind: AccelerationKind
  /// What asked for it, or what is there.
  package var reason: String
  package var prediction: LatentPrediction?
  package var teaCache: TeaCache?
  package var distilledSteps: [Int]?
  package var adapter: ModelAdapter?
  /// nil where the job decodes as it was told.
  package var usesTinyVAE: Bool?
  package var tinyVAEReason = ""
  /// What a file says that is not used.
  package var notes: [String] = []

  package init(kind: AccelerationKind, reason: String) {
    self.kind = kind
    self.reason = reason
  }

  /// Sets what was chosen.
  package func apply(to parameters: inout JobParameters) {
    if let prediction { parameters.acceleration = .prediction(prediction) }
    if let teaCache { parameters.acceleration = .teaCache(teaCache) }
    if let distilledSteps {
      parameters.distilledSteps = distilledSteps
      parameters.steps = distilledSteps.count
      parameters.sampler = .flow
    }
    parameters.usesTinyVAE.set(usesTinyVAE)
  }

  // MARK: Words

  /// The choice in the plan's table: what it is about, and what was chosen why; none where
  /// nothing was to be chosen.
  package var rows: [(title: String, text: String)] {
    guard let usesTinyVAE else { return kind == .none ? [] : [("speed", "\(words) (\(reason))")] }
    return [
      ("speed", "\(words) (\(reason))"),
      ("decoder", "\(usesTinyVAE ? "tiny" : "full") VAE (\(tinyVAEReason))"),
    ]
  }

  private var words: String {
    if let prediction {
      let series = prediction.series == .newton ? "Newton's" : "Taylor's"
      let computed =
        prediction.interval == 1 ? "every step" : "one of \(prediction.interval) steps"
      return "Adaptive Latent Prediction: \(computed) computed, order \(prediction.order), "
        + "\(series) series"
    }
    if let teaCache { return "TeaCache: threshold \(teaCache.threshold)" }
    if let distilledSteps { return "\(distilledSteps.count)-step LoRA" }
    return "every step computed"
  }
}

extension AccelerationChoice: Encodable {
  private enum CodingKeys: String, CodingKey {
    case kind = "acceleration"
    case reason
    case prediction, teaCache, distilledSteps
    case adapter, adapterWeight
    case usesTinyVAE = "tinyVae"
    case tinyVAEReason = "tinyVaeReason"
  }

  /// For the plan as JSON.
  package func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(kind, forKey: .kind)
    try values.encode(reason, forKey: .reason)
    try values.encodeIfPresent(prediction, forKey: .prediction)
    try values.encodeIfPresent(teaCache, forKey: .teaCache)
    try values.encodeIfPresent(distilledSteps, forKey: .distilledSteps)
    try values.encodeIfPresent(adapter?.path, forKey: .adapter)
    try values.encodeIfPresent(adapter?.weight, forKey: .adapterWeight)
    guard let usesTinyVAE else { return }
    try values.encode(usesTinyVAE, forKey: .usesTinyVAE)
    try values.encode(tinyVAEReason, forKey: .tinyVAEReason)
  }
}
