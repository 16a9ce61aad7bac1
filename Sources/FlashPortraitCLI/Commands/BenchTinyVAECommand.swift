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

  @Option(help: ArgumentHelp("Latent frames; n stand for 4 n - 3 frames.", valueName: "count"))
  var frames = 5

  @Option(help: ArgumentHelp("Rows of a frame, in pixels.", valueName: "count"))
  var height = 256

  @Option(help: ArgumentHelp("Columns of a frame, in pixels.", valueName: "count"))
  var width = 256

  @Option(help: "Arithmetic: bf16 or f32.")
  var dtype: Arithmetic = .bf16

  @OptionGroup var benchmark: BenchmarkOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    for (name, value) in [("frames", frames), ("height", height), ("width", width)] {
      try BenchmarkOptions.check(name, value)
    }
    if dtype == .int8 { throw ValidationError("--dtype int8: expected bf16 or f32") }
  }

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    let config = try sizes.geometry.load().tinyVAE
    try BenchmarkOptions.check(height: height, width: width, unit: TinyVAEConfig.spatialFactor)
    let decoder = try TinyVAEDecoder(
      config, weights: ProceduralTensorSource(on: context),
      execution: Execution(arithmetic: dtype, context: context))
    let (rows, columns) = (
      height / TinyVAEConfig.spatialFactor, width / TinyVAEConfig.spatialFactor
    )
    let latent = try ProceduralWeights.noise(
      "latent", shape: [config.latentChannels, 1, rows, columns], scale: 1)
    return MeasuredOperation(
      name: "tiny-vae", parameters: [("frames", frames), ("height", height), ("width", width)],
      arithmetic: dtype,
      operations: decoder.operations(latentFrames: frames, rows: rows, columns: columns)
    ) {
      var session = try decoder.session(rows: rows, columns: columns)
      for _ in 0..<frames { _ = try session.decode(latent) }
    }
  }
}
