import Checkpoints
import Diffusion
import Layers
import PortraitModels
import TensorCore
import WanModels

/// A small model in memory whose velocity changes slowly from step to step.
package struct SmoothModel {
  /// Sizes of a run.
  package struct Size: Sendable, Equatable {
    package var layers = 8
    /// Latent frames of the clip, and of a window, and those that neighbours share.
    package var frames = 11
    package var windowFrames = 5
    package var overlap = 2
    package var rows = 8
    package var columns = 8

    package init() {}
  }

  package let transformer: Transformer
  package let portraitEncoder: PortraitEncoder
  package let windows: ContextWindows
  let conditions: DenoisingStage.Conditions
  private let size: Size
  private let seed: Int

  /// - Parameter seed: of weights, inputs and noise.
  package init(_ size: Size = Size(), seed: Int, execution: Execution) throws {
    self.size = size
    self.seed = seed
    windows = try ContextWindows(
      latentFrames: size.frames, size: size.windowFrames, overlap: size.overlap)
    let context = execution.context
    let name = "smooth.\(seed)."
    let base = ProceduralTensorSource(prefix: name, dtype: execution.activationType, on: context)
    let geometry = Self.geometry(layers: size.layers)
    let config = geometry.transformer
    transformer = try Transformer(
      config, weights: SmoothWeights(base: base, config: config), execution: execution)
    portraitEncoder = try PortraitEncoder(
      geometry.portraitEncoder, weights: base, execution: execution)
    func input(_ suffix: String, _ shape: Shape, scale: Float = 1.7) throws -> Tensor {
      try ProceduralWeights.noise(name + suffix, shape: shape, scale: scale, on: context)
    }
    let features = try input(
      "features",
      [LatentScale.videoFrames(ofLatentFrames: size.frames), geometry.portraitEncoder.layout.width])
    conditions = DenoisingStage.Conditions(
      prompt: try input("prompt", [config.textLength, config.textDim]),
      negativePrompt: try input("negative prompt", [config.textLength, config.textDim]),
      image: try input("image", [Self.imageRows, config.imageDim]),
      condition: try input(
        "condition", [config.inDim - config.outDim, size.windowFrames, size.rows, size.columns]),
      features: features)
  }

  private static let imageRows = 33

  private static func geometry(layers: Int) -> ModelGeometry {
    var geometry = ModelGeometry.tiny
    geometry.transformer.numLayers = layers
    geometry.transformer.dim = 192
    geometry.transformer.numHeads = 4
    geometry.transformer.textLength = 16
    geometry.portraitEncoder.mouth.numQueries = 4
    geometry.portraitEncoder.emotion.numQueries = 4
    return geometry
  }

  /// Makes the same noise in every call: a run writes to it.
  func noise() throws -> Tensor {
    var generator = MersenneGenerator(seed: UInt64(seed))
    return try generator.normal([
      transformer.config.outDim, size.frames, size.rows, size.columns,
    ])
  }
}
