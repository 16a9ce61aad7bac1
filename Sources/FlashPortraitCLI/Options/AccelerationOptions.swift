import ArgumentParser
import Diffusion
import PortraitPipeline

/// What makes a job faster, of `fast-infer`.
struct AccelerationOptions: ParsableArguments {
  /// Whether terms are scaled, as flags of two names.
  enum Dynamics: EnumerableFlag {
    case dynamic, plain

    static func name(for value: Dynamics) -> NameSpecification {
      .customLong(value == .dynamic ? "alp-dynamic" : "alp-no-dynamic")
    }

    static func help(for value: Dynamics) -> ArgumentHelp? {
      value == .dynamic
        ? "Of alp: scale the terms by speed and layer, which is the default."
        : "Of alp: leave the terms as they are."
    }
  }

  @Option(
    help: ArgumentHelp(
      "alp: predict most steps from those before; distill: few steps by an adapter; teacache: skip "
        + "steps that change little; none. Default: distill where the 4-step LoRA is among the "
        + "checkpoints, else alp.", valueName: "kind"))
  var acceleration: AccelerationKind?

  @Option(
    help: ArgumentHelp(
      "Of alp: steps from one that is computed to the next. Default: 5.", valueName: "n"))
  var alpInterval: Int?

  @Option(
    help: ArgumentHelp(
      "Of alp: order of the series, 0 to 4; each takes memory. Default: 3.", valueName: "n"))
  var alpOrder: Int?

  @Option(
    help: ArgumentHelp(
      "Of alp: taylor, as published, or newton, which is closer. Default: \(Self.usual.series).",
      valueName: "series"))
  var alpSeries: LatentPrediction.Series?

  @Option(
    help: ArgumentHelp(
      "Of alp: distances as numbers of steps, as published, or as noise levels. "
        + "Default: \(Self.usual.clock).", valueName: "clock"))
  var alpClock: LatentPrediction.Clock?

  @Option(
    help: ArgumentHelp(
      "Of alp: exponent of the speed by which terms are scaled. Default: 1.5.", valueName: "x"))
  var alpAlpha: Double?

  @Flag(exclusivity: .exclusive)
  var dynamics: Dynamics?

  @Option(
    help: ArgumentHelp(
      "Of distill: the steps, as levels of 1000. Default: 1000,750,500,250.",
      valueName: "n,n,..."))
  var distillSteps: DistilledSteps?

  private static let usual = LatentPrediction()

  func validate() throws {
    try FlagCheck.range("alp-interval", alpInterval, LatentPrediction.Limits.interval)
    try FlagCheck.range("alp-order", alpOrder, LatentPrediction.Limits.order)
    try FlagCheck.range("alp-alpha", alpAlpha, LatentPrediction.Limits.alpha)
    if dynamics == .plain, alpAlpha != nil {
      throw ValidationError("--alp-no-dynamic and --alp-alpha contradict each other")
    }
  }

  /// What was given.
  var settings: AccelerationSettings {
    var settings = AccelerationSettings()
    settings.kind = acceleration
    settings.interval = alpInterval
    settings.order = alpOrder
    settings.series = alpSeries
    settings.clock = alpClock
    settings.alpha = alpAlpha
    settings.isDynamic = dynamics.map { $0 == .dynamic }
    settings.distilledSteps = distillSteps?.steps
    return settings
  }
}

extension AccelerationKind: ExpressibleByArgument {}

extension LatentPrediction.Series: ExpressibleByArgument {}

extension LatentPrediction.Clock: ExpressibleByArgument {}

/// Levels of the training, going down, with commas between them.
struct DistilledSteps: ExpressibleByArgument, Equatable {
  let steps: [Int]

  init?(argument: String) {
    let words = argument.split(separator: ",", omittingEmptySubsequences: false)
    let steps = words.compactMap { Int($0) }
    guard steps.count == words.count, AccelerationSettings.areDistilled(steps) else { return nil }
    self.steps = steps
  }
}
