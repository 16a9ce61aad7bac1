import ArgumentParser
import Checkpoints
import Layers
import PortraitPipeline
import TensorCore
import WanModels

struct BenchVAECommand: BenchmarkCommand {
  /// Which half of the autoencoder.
  enum Mode: String, CaseIterable, ExpressibleByArgument {
    case decode, encode, picture
  }

  static let configuration = CommandConfiguration(
    commandName: "vae",
    abstract: "The video autoencoder: decoding or encoding a clip.",
    discussion: """
      Weights and inputs are made by formula. The clip goes through as in a job, one latent frame \
      after another. Operations are those that are executed: convolutions and attention; of a \
      doubled picture, taps that meet the same pixel count once. In mode `picture` all frames but \
      the first are zero, as in the condition of a window: the operations are those of `encode`, \
      though most are not done, and the share of peak says what that saves.
      """)

  @Option(help: "decode, encode, or picture: encode one picture followed by zeros.")
  var mode: Mode = .decode

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
    let config = try sizes.geometry.load().vae
    try clip.check(unit: config.spatialFactor)
    let execution = Execution(arithmetic: dtype, context: context)
    let weights = ProceduralTensorSource(on: context)
    let (operations, run) =
      mode == .decode
      ? try decoding(WanVAEDecoder(config, weights: weights, execution: execution))
      : try encoding(WanVAEEncoder(config, weights: weights, execution: execution))
    return MeasuredOperation(
      name: "vae \(mode.rawValue)",
      parameters: clip.parameters,
      arithmetic: dtype, operations: operations, run: run)
  }

  private func decoding(_ decoder: WanVAEDecoder) throws -> (Double, () throws -> Void) {
    let (rows, columns) = (
      clip.height / decoder.config.spatialFactor, clip.width / decoder.config.spatialFactor
    )
    let latent = try ProceduralWeights.noise(
      "latent", shape: [decoder.config.zDim, 1, rows, columns], scale: 1)
    return (
      decoder.operations(latentFrames: clip.frames, rows: clip.height, columns: clip.width),
      {
        var session = try decoder.session(rows: rows, columns: columns)
        for _ in 0..<clip.frames { _ = try session.decode(latent) }
      }
    )
  }

  private func encoding(_ encoder: WanVAEEncoder) throws -> (Double, () throws -> Void) {
    let count = encoder.config.pixelFrames(ofLatentFrames: clip.frames)
    let operations = encoder.operations(frames: count, rows: clip.height, columns: clip.width)
    if mode == .picture {
      let picture = try ProceduralWeights.noise(
        "picture", shape: [clip.height, clip.width, 3], scale: 1)
      let zeros = try Tensor(zeros: [clip.height, clip.width, 3], dtype: .f32)
      return (
        operations, { _ = try encoder(picture: picture, followedBy: zeros, frameCount: count) }
      )
    }
    // Two pictures in turns: a frame that repeats the one before it would cost less.
    let pictures = try ["even", "odd"].map {
      try ProceduralWeights.noise($0, shape: [1, clip.height, clip.width, 3], scale: 1)
    }
    return (
      operations,
      {
        var session = try encoder.session(rows: clip.height, columns: clip.width)
        for index in 0..<count { _ = try session.encode(pictures[index % 2]) }
      }
    )
  }
}
