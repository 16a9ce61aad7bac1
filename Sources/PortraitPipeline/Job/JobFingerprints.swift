import Diffusion
import PortraitModels
import TensorCore

/// What each stage's result depends on.
struct JobFingerprints {
  let features: Fingerprint
  let text: Fingerprint
  let image: Fingerprint
  let condition: Fingerprint
  let latents: Fingerprint
  let video: Fingerprint

  /// Changes where the arithmetic of a stage changes, so that no run continues what another version
  /// began.
  private static let version = "1"

  /// - Throws: `CheckpointError`, `PipelineError`, `MediaError`.
  init(
    _ request: JobRequest, _ inputs: JobInputs, _ plan: JobPlan, models: ModelFolder,
    instructionSet: InstructionSet
  ) throws {
    let parameters = request.parameters
    func checkpoint(_ name: NetworkName) throws -> String {
      try models.paths(of: name).map(FileIdentity.checkpoint).joined(separator: "; ")
    }
    func addAdapters(of name: NetworkName, to fingerprint: inout Fingerprint) throws {
      for adapter in try models.adapters(of: name) {
        fingerprint.add(
          "--lora", "\(try FileIdentity.checkpoint(adapter.path)), \(adapter.description)")
      }
    }
    var common = Fingerprint()
    common.add("version", Self.version)
    common.add("instruction set", instructionSet.rawValue)
    common.add("--dtype", parameters.arithmetic.rawValue)

    features = try Self.features(common, request, inputs, models, checkpoint(.motionEncoder))

    var text = common
    text.add("--prompt", parameters.prompt)
    if parameters.textScale != 1 { text.add("--negative-prompt", parameters.negativePrompt) }
    text.add("text encoder", try checkpoint(.textEncoder))
    try addAdapters(of: .textEncoder, to: &text)
    self.text = text

    var picture = Fingerprint()
    picture.add("--image", inputs.imageIdentity)
    picture.add("size", "\(plan.size.width)x\(plan.size.height)")
    var image = common.followed(by: picture)
    image.add("image encoder", try checkpoint(.imageEncoder))
    self.image = image
    var condition = common.followed(by: picture)
    condition.add("VAE", try checkpoint(.vae))
    condition.add("--tile-vae", parameters.tilesVAE)
    self.condition = condition

    var latents = features.followed(by: text).followed(by: image).followed(by: condition)
    Self.addDenoising(parameters, to: &latents)
    latents.add("transformer", try checkpoint(.transformer))
    try addAdapters(of: .transformer, to: &latents)
    latents.add("portrait encoder", try checkpoint(.portraitEncoder))
    self.latents = latents

    var video = latents
    video.add("--tiny-vae", parameters.usesTinyVAE ? try checkpoint(.tinyVAE) : "no")
    self.video = video
  }

  private static func features(
    _ common: Fingerprint, _ request: JobRequest, _ inputs: JobInputs, _ models: ModelFolder,
    _ motionEncoder: String
  ) throws -> Fingerprint {
    let parameters = request.parameters
    var features = common
    guard case .video = request.source else {
      features.add("--features", inputs.sourceIdentity)
      features.add("--max-frames", parameters.frameLimit.map(String.init) ?? "all")
      return features
    }
    features.add("--driven-video", inputs.sourceIdentity)
    features.add("--max-frames", parameters.frameLimit.map(String.init) ?? "all")
    features.add("--fps", parameters.frameRate?.description ?? "own")
    features.add("--face", parameters.face.choice.description)
    features.add("--tracking", parameters.face.tracking.rawValue)
    features.add(
      "face detector", try FileIdentity.checkpoint(models.path(of: .faceDetector)))
    features.add(
      "face landmarks", try FileIdentity.checkpoint(models.path(of: .faceLandmarks)))
    features.add("motion encoder", motionEncoder)
    return features
  }

  private static func addDenoising(_ parameters: JobParameters, to latents: inout Fingerprint) {
    latents.add("--length", parameters.length.rawValue)
    latents.add("--context-size", parameters.contextSize)
    latents.add("--context-overlap", parameters.contextOverlap)
    latents.add("--num-inference-steps", parameters.stepCount)
    if let levels = parameters.distilledSteps { latents.add("distilled steps", levels) }
    latents.add("--text-cfg-scale", parameters.textScale)
    latents.add("--emo-cfg-scale", parameters.expressionScale)
    latents.add("--ip-scale", parameters.expressionStrength)
    latents.add("--sampler", parameters.effectiveSampler.rawValue)
    latents.add("--shift", parameters.shift)
    latents.add("--seed", parameters.seed)
    latents.add("--rng", parameters.noise.rawValue)
    latents.add("--cfg-skip-ratio", parameters.guidanceSkip)
    latents.add("--riflex-k", parameters.riflexIndex.map(String.init) ?? "no")
    latents.add("--acceleration", parameters.acceleration.identity)
  }
}

extension Acceleration {
  /// What of the options changes the pixels.
  fileprivate var identity: String {
    switch self {
    case .none: "none"
    case .prediction(let options):
      "alp, interval \(options.interval), order \(options.order), \(options.series), "
        + "\(options.clock), " + (options.isDynamic ? "alpha \(options.alpha)" : "not dynamic")
    case .teaCache(let options):
      "teacache, threshold \(options.threshold), first steps \(options.startSteps)"
    }
  }
}
