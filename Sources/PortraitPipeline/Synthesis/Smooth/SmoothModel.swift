import Checkpoints
import Diffusion
import Layers
import PortraitModels
import TensorCore
import WanModels

/// A small model in memory on which predictions of steps can be judged: unlike that of a model
/// whose weights are all by formula, its velocity changes slowly from step to step
/// (`SmoothWeights`).
package struct SmoothModel {
  /// Sizes of the model and its clip.
  package struct Size: Sendable, Equatable {
    package var layers = 8
    /// Latent frames of the clip.
    package var frames = 11
    /// Latent frames of a window.
    package var windowFrames = 5
    /// Latent frames that neighbouring windows share.
    package var overlap = 2
    /// Latent rows and columns.
    package var side = 8

    package init() {}
  }

  package let transformer: Transformer
  package let windows: ContextWindows
  let portraitEncoder: PortraitEncoder
  let conditions: DenoisingStage.Conditions
  private let size: Size
  private let seed: Int

  /// - Parameter seed: of weights, conditions and noise.
  /// - Throws: `DiffusionError.window`, `NetworkError`, `TensorError`.
  package init(_ size: Size = Size(), seed: Int, execution: Execution) throws {
    self.size = size
    self.seed = seed
    windows = try ContextWindows(
      latentFrames: size.frames, size: size.windowFrames, overlap: size.overlap)
    let geometry = Self.geometry(layers: size.layers)
    let config = geometry.transformer
    let context = execution.context
    // The formula goes by names.
    let prefix = "smooth.\(seed)."
    let type = execution.activationType
    let weights = ProceduralTensorSource(prefix: prefix, dtype: type, on: context)
    transformer = try Transformer(
      config, weights: SmoothWeights(weights, config, type: type), execution: execution)
    portraitEncoder = try PortraitEncoder(
      geometry.portraitEncoder, weights: weights, execution: execution)
    // Of variance 1.
    func input(_ name: String, _ shape: Shape) throws -> Tensor {
      try ProceduralWeights.noise(prefix + name, shape: shape, scale: 1.732, on: context)
    }
    conditions = DenoisingStage.Conditions(
      prompt: try input("prompt", [config.textLength, config.textDim]),
      negativePrompt: try input("negative prompt", [config.textLength, config.textDim]),
      image: try input("image", [Self.imageRows, config.imageDim]),
      condition: try input(
        "condition",
        [config.inDim - config.outDim, windows.windows[0].count, size.side, size.side]),
      features: try input(
        "features",
        [
          LatentScale.videoFrames(ofLatentFrames: size.frames),
          geometry.portraitEncoder.layout.width,
        ]))
  }

  private static let imageRows = 33

  /// That of tests, with more layers, fewer rows to attend to, and wide enough for the head to find
  /// in the hidden states what the patch embedding has put there.
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

  /// What every run begins with, made anew since a run writes to it.
  func noise() throws -> Tensor {
    var generator = MersenneGenerator(seed: UInt64(seed))
    return try generator.normal([
      transformer.config.outDim, size.frames, size.side, size.side,
    ])
  }
}
