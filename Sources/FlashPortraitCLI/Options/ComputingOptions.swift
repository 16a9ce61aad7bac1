import ArgumentParser
import PortraitPipeline
import TensorCore

/// How the networks of a job compute, and what they may take of the machine.
struct ComputingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Networks in memory: model_full_load (all), model_cpu_offload (one at a time), either with "
        + "_and_qfloat8 (8-bit weights), sequential_cpu_offload (a block at a time). Default: what "
        + "fits.", valueName: "mode"))
  var memoryMode: MemoryMode?

  @Option(
    help: ArgumentHelp("Arithmetic of the networks. Default: bf16", valueName: "bf16|f32"))
  var dtype: Arithmetic?

  @Flag(inversion: .prefixedNo, help: "Decode in tiles: less memory at large sizes.")
  var tileVae: Bool?

  @Flag(inversion: .prefixedNo, help: "Decode by the tiny VAE: fast, with less detail.")
  var tinyVae: Bool?

  func validate() throws {
    if let dtype { try BenchmarkOptions.check(floating: dtype) }
    if tileVae == true && tinyVae == true {
      throw ValidationError("--tile-vae and --tiny-vae contradict each other")
    }
  }

  /// Sets what was given.
  func apply(to parameters: inout JobParameters) {
    parameters.arithmetic.set(dtype)
    parameters.tilesVAE.set(tileVae)
    parameters.usesTinyVAE.set(tinyVae)
  }
}
