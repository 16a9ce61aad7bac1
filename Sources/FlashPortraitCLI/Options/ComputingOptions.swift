import ArgumentParser
import PortraitPipeline

/// How the networks of a job compute, and what they may take of the machine.
struct ComputingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Networks in memory: all, one at a time, or one block at a time (qfloat8: 8-bit weights, "
        + "not available yet). Default: what fits.", valueName: "mode"))
  var memoryMode: MemoryMode?

  @Option(help: ArgumentHelp("Arithmetic of the networks. Default: bf16.", valueName: "type"))
  var dtype: FloatingArithmetic?

  @Flag(
    inversion: .prefixedNo,
    help: "Run the VAE in tiles, as published: a slightly different result, and more memory.")
  var tileVae: Bool?

  @Flag(inversion: .prefixedNo, help: "Decode with the tiny VAE: faster, with less detail.")
  var tinyVae: Bool?

  func validate() throws {
    if tileVae == true && tinyVae == true {
      throw ValidationError("--tile-vae and --tiny-vae contradict each other")
    }
  }

  /// Sets what was given.
  func apply(to parameters: inout JobParameters) {
    parameters.arithmetic.set(dtype?.arithmetic)
    parameters.tilesVAE.set(tileVae)
    parameters.usesTinyVAE.set(tinyVae)
  }
}
