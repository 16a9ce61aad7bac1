import Diffusion
import PortraitModels
import TensorCore
import WanModels

/// What a plan needs to know of a job's networks. Finding it out opens every one of them, so that
/// hours are not spent before the first that is missing or broken.
struct NetworkSizes {
  let transformer: TransformerConfig
  /// What adapters add to the transformer's passes.
  let merging: MergingCost
  let expression: ExpressionLayout
  /// Rows that the image encoder makes of the picture.
  let imageRows: Int
  /// Expression tokens that each latent frame attends to: those of four frames and
  /// one more.
  let portraitRows: Int
  /// Bytes of the weights of each network that every job needs.
  let weights: [Int]
  /// Bytes that reading the expression takes: the motion encoder's weights, as they are and
  /// transformed for Winograd's convolutions, and small change.
  let expressionMemory: Int
  /// Bytes that encoding the picture takes.
  let conditionMemory: Int
  /// Bytes that decoding takes.
  let decodingMemory: Int
  /// Bytes that a decoder which is taken up later takes on disk.
  let sessionBytes: Int
  private let decodingOperations: (_ latentFrames: Int) -> Double

  /// - Throws: `CheckpointError`, `NetworkError`, `PipelineError.inconsistentGeometry`.
  init(_ networks: JobNetworks, size: PictureSize, parameters: JobParameters) throws {
    let models = networks.models
    weights = try NetworkName.allCases.filter { $0 != .tinyVAE }.map(models.weightBytes)
    expressionMemory = 5 * (try models.weightBytes(of: .motionEncoder)) + 32 << 20
    transformer = try networks.transformer().config
    merging = try models.mergingCost(of: .transformer)
    let portrait = try networks.portraitEncoder().config
    expression = portrait.layout
    portraitRows = 4 * portrait.tokensPerFrame + 1
    let image = try networks.imageEncoder().config
    imageRows = image.tokens
    let vae = try networks.vaeEncoder()
    let fits = [
      ("portrait encoder, width", portrait.outputDim, "transformer", transformer.portraitDim),
      (
        "text encoder, width", try networks.textEncoder().config.dim, "transformer",
        transformer.textDim
      ),
      ("image encoder, width", image.dim, "transformer", transformer.imageDim),
      ("VAE, pixels to a latent", vae.config.spatialFactor, "job", LatentScale.pixels),
      ("VAE, frames to a latent frame", vae.config.temporalFactor, "job", LatentScale.frames),
    ]
    for (key, value, other, needed) in fits where value != needed {
      throw PipelineError.inconsistentGeometry(
        key: key, value: value, other: other, needed: needed)
    }
    _ = try models.tokenizer()
    let (rows, columns) = (size.height, size.width)
    conditionMemory = vae.memoryNeeded(
      rows: rows, columns: columns, tiling: parameters.tiling)
    if parameters.usesTinyVAE {
      let decoder = try networks.tinyVAEDecoder()
      // Four frames at full size in the narrowest layer: input, output and what is on the way.
      let width = decoder.config.decoderWidths.last ?? 1
      decodingMemory = 3 * 4 * rows * columns * width * DType.f32.byteCount
      // A few frames of it are small beside the rest.
      sessionBytes = 0
      decodingOperations = { decoder.operations(latentFrames: $0, rows: rows, columns: columns) }
    } else {
      let decoder = try networks.vaeDecoder()
      sessionBytes = decoder.sessionBytes(rows: rows, columns: columns, tiling: parameters.tiling)
      decodingMemory = decoder.memoryNeeded(rows: rows, columns: columns, tiling: parameters.tiling)
      // Linear in the frames but for the first.
      let (one, two) = (
        decoder.operations(latentFrames: 1, rows: rows, columns: columns),
        decoder.operations(latentFrames: 2, rows: rows, columns: columns)
      )
      decodingOperations = { one + Double($0 - 1) * (two - one) }
    }
  }

  /// Operations of decoding a clip.
  func decodingOperations(latentFrames: Int) -> Double { decodingOperations(latentFrames) }
}
