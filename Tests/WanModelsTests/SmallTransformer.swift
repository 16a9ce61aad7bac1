import Checkpoints
import Layers
import TensorCore
import WanModels

/// A transformer of a few channels, and what a pass needs.
struct SmallTransformer {
  let transformer: Transformer
  let grid: TokenGrid
  let text: AttentionContext
  let otherText: AttentionContext
  let image: AttentionContext
  let portrait: AttentionContext

  static let config: TransformerConfig = {
    var config = TransformerConfig.wan14B
    (config.dim, config.ffnDim, config.numHeads, config.numLayers) = (48, 80, 2, 3)
    (config.freqDim, config.textDim, config.textLength) = (16, 24, 12)
    (config.imageDim, config.portraitDim) = (20, 28)
    return config
  }()

  static let window: Shape = [16, 3, 6, 8]

  init(
    _ arithmetic: Arithmetic = .f32, threads: Int = 4, keepsKeys: Bool = true,
    source: (any TensorSource)? = nil, merged: (any TensorSource)? = nil,
    residency: WeightResidency = .resident
  ) throws {
    let context = try ComputeContext(instructionSet: .best, threadCount: threads)
    transformer = try Transformer(
      Self.config, weights: source ?? ProceduralTensorSource(on: context), merged: merged,
      execution: Execution(arithmetic: arithmetic, context: context), residency: residency)
    grid = try transformer.grid(latents: Self.window)
    let config = Self.config
    text = try transformer.textContext(Self.noise("text", [5, config.textDim]))
    otherText = try transformer.textContext(Self.noise("other text", [9, config.textDim]))
    image = try transformer.imageContext(Self.noise("image", [7, config.imageDim]))
    portrait = try transformer.portraitContext(
      Self.noise("portrait", [3, 11, config.portraitDim]), keepsKeys: keepsKeys)
  }

  static func noise(_ name: String, _ shape: Shape) throws -> Tensor {
    try ProceduralWeights.noise(name, shape: shape, scale: 1)
  }

  var branches: [GuidanceBranch] {
    [
      GuidanceBranch(text: text, image: image, portrait: portrait),
      GuidanceBranch(text: text, image: image, portrait: portrait, expressionScale: 0),
      GuidanceBranch(text: otherText, image: image, portrait: portrait, expressionScale: 0.5),
    ]
  }

  func run(
    _ branches: [GuidanceBranch], observer: Transformer.BlockObserver? = nil
  ) throws -> [[Float]] {
    try transformer(
      Self.noise("latents", Self.window), condition: Self.noise("condition", [20, 3, 6, 8]),
      timestep: 321.5, grid: grid, branches: branches, observer: observer
    ).map { try $0.floats() }
  }
}
