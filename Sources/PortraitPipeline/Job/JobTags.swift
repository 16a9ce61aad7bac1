import Foundation

/// What an output says of the job that made it: one JSON object in the tag `comment`, with the
/// published names of the parameters. The same job gives the same text.
package enum JobTags {
  package static let format = "flashportrait-job-1"
  package static let tag = "comment"

  /// The tags of an output.
  ///
  /// - Parameters:
  ///   - adapters: that were merged into the networks.
  ///   - step: after which the run stopped; nil where it went to the end.
  static func tags(
    _ request: JobRequest, _ inputs: JobInputs, _ plan: JobPlan, adapters: [ModelAdapter],
    step: Int? = nil
  ) -> [String: String] {
    var members = parameters(request.parameters)
    if !adapters.isEmpty {
      members["lora"] = .string(adapters.map(\.title).joined(separator: ", "))
    }
    members["format"] = .string(format)
    members["image"] = .string(name(request.image))
    switch request.source {
    case .video(let path): members["driven_video"] = .string(name(path))
    case .features(let path, let sound):
      members["features"] = .string(name(path))
      if let sound { members["driven_video"] = .string(name(sound)) }
    }
    members["image_sha256"] = .string(inputs.imageIdentity)
    members["source_sha256"] = .string(inputs.sourceIdentity)
    members["audio"] = .bool(request.parameters.keepsSound)
    members["width"] = .number(Double(plan.size.width))
    members["height"] = .number(Double(plan.size.height))
    members["fps"] = .string(plan.frameRate.description)
    if let step { members["stopped_after_step"] = .number(Double(step)) }
    return [tag: JSONValue.object(members).sortedJSON]
  }

  /// What a file's tags say of a job, sorted by name.
  ///
  /// - Returns: nil where no job of ours made the file.
  package static func parameters(in tags: [String: String]) -> [(name: String, value: String)]? {
    guard let text = tags[tag],
      case .object(let members)? = try? JSONDecoder().decode(
        JSONValue.self, from: Data(text.utf8)),
      members["format"] == .string(format)
    else { return nil }
    return members.sorted { $0.key < $1.key }.map { name, value in
      if case .string(let text) = value { return (name, text) }
      return (name, value.text)
    }
  }

  private static func name(_ path: String) -> String {
    URL(fileURLWithPath: path).lastPathComponent
  }

  private static func parameters(_ parameters: JobParameters) -> [String: JSONValue] {
    func number(_ value: some BinaryInteger) -> JSONValue { .number(Double(value)) }
    var members: [String: JSONValue] = [
      "prompt": .string(parameters.prompt),
      "negative_prompt": .string(parameters.negativePrompt),
      "max_size": number(parameters.maxSize),
      "context_size": number(parameters.contextSize),
      "context_overlap": number(parameters.contextOverlap),
      "num_inference_steps": number(parameters.stepCount),
      "text_cfg_scale": .number(Double(parameters.textScale)),
      "emo_cfg_scale": .number(Double(parameters.expressionScale)),
      "ip_scale": .number(Double(parameters.expressionStrength)),
      "sampler": .string(parameters.effectiveSampler.rawValue),
      "shift": .number(parameters.shift),
      // More digits than a JSON number keeps.
      "seed": .string(String(parameters.seed)),
      "rng": .string(parameters.noise.rawValue),
      "cfg_skip_ratio": .number(parameters.guidanceSkip),
      "length": .string(parameters.length.rawValue),
      "dtype": .string(parameters.arithmetic.rawValue),
      "face": .string(parameters.face.choice.description),
      "tracking": .string(parameters.face.tracking.rawValue),
      "tile_vae": .bool(parameters.tilesVAE),
      "tiny_vae": .bool(parameters.usesTinyVAE),
      "crf": .number(parameters.quality),
      "preset": .string(parameters.preset.rawValue),
    ]
    if let levels = parameters.distilledSteps {
      members["distilled_steps"] = .string(levels.map(String.init).joined(separator: ", "))
    }
    if let index = parameters.riflexIndex { members["riflex_k"] = number(index) }
    members.merge(acceleration(parameters)) { $1 }
    if let limit = parameters.frameLimit { members["max_frames"] = number(limit) }
    return members
  }

  private static func acceleration(_ parameters: JobParameters) -> [String: JSONValue] {
    func kind(_ kind: AccelerationKind) -> JSONValue { .string(kind.rawValue) }
    switch parameters.acceleration {
    case .none:
      return ["acceleration": kind(parameters.distilledSteps == nil ? .none : .distillation)]
    case .prediction(let options):
      var members: [String: JSONValue] = [
        "acceleration": kind(.prediction),
        "alp_interval": .number(Double(options.interval)),
        "alp_order": .number(Double(options.order)),
        "alp_series": .string(options.series.rawValue),
        "alp_clock": .string(options.clock.rawValue),
        "alp_dynamic": .bool(options.isDynamic),
      ]
      if options.isDynamic { members["alp_alpha"] = .number(options.alpha) }
      return members
    case .teaCache(let options):
      return [
        "acceleration": kind(.teaCache),
        "teacache_threshold": .number(options.threshold),
        "num_skip_start_steps": .number(Double(options.startSteps)),
      ]
    }
  }
}
