import ArgumentParser
import Checkpoints
import Layers
import PortraitPipeline
import TensorCore
import WanModels

struct BenchTinyVAECommand: BenchmarkCommand {
  static let configuration = CommandConfiguration(
    commandName: "tiny-vae",
    abstract: "The tiny video autoencoder: decoding a clip.",
    discussion: """
      Weights and latents are made by formula. The clip goes through as in a job, one latent frame \
      after another. Operations are those that are executed: of a doubled picture, taps that meet \
      the same pixel count once.
      """)

  @OptionGroup var sizes: GeometryOption

  @OptionGroup var clip: ClipSizeOptions

  @Option(help: "Arithmetic: bf16 or f32.")
  var dtype: Arithmetic = .bf16

  @OptionGroup var benchmark: BenchmarkOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    try BenchmarkOptions.check(floating: dtype)
  }

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    let config = try sizes.geometry.load().tinyVAE
    try clip.check(unit: TinyVAEConfig.spatialFactor)
    let decoder = try TinyVAEDecoder(
      config, weights: ProceduralTensorSource(on: context),
      execution: Execution(arithmetic: dtype, context: context))
    let (rows, columns) = (
      clip.height / TinyVAEConfig.spatialFactor, clip.width / TinyVAEConfig.spatialFactor
    )
    let latent = try ProceduralWeights.noise(
      "latent", shape: [config.latentChannels, 1, rows, columns], scale: 1)
    return MeasuredOperation(
      name: "tiny-vae", parameters: clip.parameters,
      arithmetic: dtype,
      operations: decoder.operations(latentFrames: clip.frames, rows: rows, columns: columns)
    ) {
      var session = try decoder.session(rows: rows, columns: columns)
      for _ in 0..<clip.frames { _ = try session.decode(latent) }
    }
  }
}
