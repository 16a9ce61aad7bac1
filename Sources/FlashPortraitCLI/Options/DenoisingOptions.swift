import ArgumentParser
import Diffusion
import PortraitPipeline

/// How noise becomes latents: steps, guidance, sampler.
struct DenoisingOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Steps, 1 to 1000. Default: 30.", valueName: "n"))
  var numInferenceSteps: Int?

  @Option(
    help: ArgumentHelp("Guidance by the prompt; 1 for none. Default: 1.", valueName: "scale"))
  var textCfgScale: Float?

  @Option(
    help: ArgumentHelp("Guidance by the expression; 1 for none. Default: 4.", valueName: "scale"))
  var emoCfgScale: Float?

  @Option(help: ArgumentHelp("Strength of the expression. Default: 1.", valueName: "scale"))
  var ipScale: Float?

  @Option(
    help: ArgumentHelp(
      "Share of the steps, the last ones, without guidance. Default: 0.", valueName: "0 to 1"))
  var cfgSkipRatio: Double?

  @Option(
    help: ArgumentHelp(
      "The sampler; the published names are taken too. Default: flow.",
      valueName: "sampler"))
  var sampler: SamplerKind?

  @Option(
    help: ArgumentHelp(
      "Shift of the noise levels; 3 suits 480 pixels. Default: 5.", valueName: "shift"))
  var shift: Double?

  @Option(help: ArgumentHelp("Seed of the noise. Default: 42.", valueName: "n"))
  var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      "Noise as PyTorch makes it on a CPU or on a CUDA device. Default: cpu.",
      valueName: "rng"))
  var rng: JobParameters.NoiseGenerator?

  @Flag(inversion: .prefixedNo, help: "RIFLEx, for windows that are longer than trained ones.")
  var riflex: Bool?

  @Option(
    help: ArgumentHelp("The frequency that RIFLEx changes. Default: 6.", valueName: "n"))
  var riflexK: Int?

  func validate() throws {
    typealias Limits = JobParameters.Limits
    try FlagCheck.range("num-inference-steps", numInferenceSteps, Limits.steps)
    try FlagCheck.range("text-cfg-scale", textCfgScale, Limits.scale)
    try FlagCheck.range("emo-cfg-scale", emoCfgScale, Limits.scale)
    try FlagCheck.range("ip-scale", ipScale, Limits.scale)
    try FlagCheck.range("cfg-skip-ratio", cfgSkipRatio, Limits.share)
    try FlagCheck.range("shift", shift, Limits.shift)
    try FlagCheck.range("riflex-k", riflexK, Limits.riflexIndex)
    if riflex == false, riflexK != nil {
      throw ValidationError("--no-riflex and --riflex-k contradict each other")
    }
  }

  /// Sets what was given.
  ///
  /// - Parameter index: for RIFLEx, where a file has one and no flag.
  func apply(to parameters: inout JobParameters, index: Int? = nil) {
    parameters.steps.set(numInferenceSteps)
    parameters.textScale.set(textCfgScale)
    parameters.expressionScale.set(emoCfgScale)
    parameters.expressionStrength.set(ipScale)
    parameters.guidanceSkip.set(cfgSkipRatio)
    parameters.sampler.set(sampler)
    parameters.shift.set(shift)
    parameters.seed.set(seed)
    parameters.noise.set(rng)
    if riflex == false { parameters.riflexIndex = nil }
    if riflex == true || riflexK != nil {
      parameters.riflexIndex = riflexK ?? index ?? JobConfiguration.publishedRIFLExIndex
    }
  }
}
