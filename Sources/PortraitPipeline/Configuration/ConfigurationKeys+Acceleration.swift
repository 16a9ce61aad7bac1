import Diffusion

extension ConfigurationKeys {
  /// What makes a job faster: the published keys, and ours under the names of the flags.
  static let acceleration: [ConfigurationKey] = [
    ConfigurationKey(["acceleration"]) { configuration, value in
      let kind = try value.choice(names(of: AccelerationKind.self))
      configuration.acceleration.kind = kind
      if kind != .none { configuration.noteOfFast(value) }
    },
    .whole("alp_interval", in: LatentPrediction.Limits.interval, to: \.acceleration.interval),
    .whole("alp_order", in: LatentPrediction.Limits.order, to: \.acceleration.order),
    .choice(
      "alp_series", of: names(of: LatentPrediction.Series.self), to: \.acceleration.series),
    .choice("alp_clock", of: names(of: LatentPrediction.Clock.self), to: \.acceleration.clock),
    .number("alp_alpha", in: LatentPrediction.Limits.alpha, to: \.acceleration.alpha),
    .flag("alp_dynamic", to: \.acceleration.isDynamic),
    .flag("enable_teacache", "teacache", to: \.acceleration.caches),
    .number("teacache_threshold", in: TeaCache.Limits.threshold, to: \.acceleration.threshold),
    .whole(
      "num_skip_start_steps", "teacache_start_steps", in: TeaCache.Limits.startSteps,
      to: \.acceleration.startSteps),
    .unused("teacache_offload") { _ = try $0.flag() },
    steps("distill_steps"),
  ]

  /// `step_distill_kwargs`.
  static let distillation: [ConfigurationKey] = [
    ConfigurationKey(["enable_step_distill"], isOfNetworks: true) { configuration, value in
      let distills = try value.flag()
      configuration.acceleration.distills = distills
      if distills { configuration.noteOfFast(value) }
    },
    ConfigurationKey(["step_distill_lora_path"], isOfNetworks: true) {
      $0.distillationAdapter = try $1.path()
    },
    ConfigurationKey(["step_distill_lora_strength"], isOfNetworks: true) {
      $0.acceleration.adapterWeight = Float(try $1.number(-100...100))
    },
    steps("denoising_step_list"),
    // Beside a list of steps, it can only tell how many these are; see `ConfigurationReader`.
    .unused(stepCount) { _ = try $0.whole(1...NoiseSchedule.trainingSteps) },
  ]

  static let stepCount = "step_distill_infer_steps"

  private static func steps(_ name: String) -> ConfigurationKey {
    ConfigurationKey([name]) { configuration, value in
      let steps = try value.elements().map { try $0.whole(1...NoiseSchedule.trainingSteps) }
      guard AccelerationSettings.areDistilled(steps) else {
        throw value.refusal("whole numbers that go down, like [1000, 750, 500, 250]")
      }
      configuration.acceleration.distilledSteps = steps
    }
  }

  private static func names<Choice: RawRepresentable<String> & CaseIterable>(
    of _: Choice.Type
  ) -> [(name: String, value: Choice)] {
    Choice.allCases.map { ($0.rawValue, $0) }
  }
}
