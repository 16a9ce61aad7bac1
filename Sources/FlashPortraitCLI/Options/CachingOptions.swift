import ArgumentParser
import Diffusion
import PortraitPipeline

/// Steps that are made from the ones before them without passes of the transformer: TeaCache, which both commands
/// have.
struct CachingOptions: ParsableArguments {
  @Flag(
    inversion: .prefixedNo,
    help: "TeaCache: steps that change little add again what the step before added.")
  var teacache: Bool?

  @Option(
    help: ArgumentHelp(
      "Of TeaCache: the change at which a step is computed; 0.2 to 0.3 is faster. Default: 0.1.",
      valueName: "x"))
  var teacacheThreshold: Double?

  @Option(
    help: ArgumentHelp(
      "Of TeaCache: the first steps, which are computed. Default: 5.", valueName: "n"))
  var teacacheStartSteps: Int?

  func validate() throws {
    try FlagCheck.range("teacache-threshold", teacacheThreshold, TeaCache.Limits.threshold)
    try FlagCheck.range("teacache-start-steps", teacacheStartSteps, TeaCache.Limits.startSteps)
    guard teacache == false else { return }
    if teacacheThreshold != nil || teacacheStartSteps != nil {
      let flag = teacacheThreshold == nil ? "start-steps" : "threshold"
      throw ValidationError("--no-teacache and --teacache-\(flag) contradict each other")
    }
  }

  /// What was given.
  var settings: AccelerationSettings {
    var settings = AccelerationSettings()
    settings.caches = teacache
    settings.threshold = teacacheThreshold
    settings.startSteps = teacacheStartSteps
    return settings
  }
}
