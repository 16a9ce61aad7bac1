import ArgumentParser
import Checkpoints
import Layers
import TensorCore
import WanModels

struct BenchDitCommand: BenchmarkCommand {
  static let configuration = CommandConfiguration(
    commandName: "dit",
    abstract: "Blocks of the video diffusion transformer.",
    discussion: """
      Weights and inputs are made by formula. Keys and values of prompt, picture and expression are \
      made before the time is taken, as in every step but the first. The patch embedding is part of \
      the time, though not of the operations; the head is left out.
      """)

  @Option(help: ArgumentHelp("Blocks.", valueName: "count"))
  var layers = 1

  @Option(help: ArgumentHelp("Latent frames.", valueName: "count"))
  var frames = 4

  @Option(help: ArgumentHelp("Latent rows: an eighth of the picture's.", valueName: "count"))
  var height = 64

  @Option(help: ArgumentHelp("Latent columns.", valueName: "count"))
  var width = 64

  @Option(help: ArgumentHelp("Guidance branches: 1, 2 or 3.", valueName: "count"))
  var branches = 1

  @Option(help: "Arithmetic: bf16 or f32.")
  var dtype: Arithmetic = .bf16

  @OptionGroup var benchmark: BenchmarkOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    let sizes = [("layers", layers), ("frames", frames), ("height", height), ("width", width)]
    for (name, value) in sizes { try BenchmarkOptions.check(name, value) }
    guard (1...3).contains(branches) else {
      throw ValidationError("--branches \(branches): expected 1, 2 or 3")
    }
    if dtype == .int8 { throw ValidationError("--dtype int8: expected bf16 or f32") }
  }

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    var config = TransformerConfig.wan14B
    config.numLayers = layers
    let execution = Execution(arithmetic: dtype, context: context)
    let source = ProceduralTensorSource(dtype: dtype == .f32 ? .f32 : .bf16, on: context)
    let transformer = try Transformer(config, weights: source, execution: execution)
    func noise(_ name: String, _ shape: Shape) throws -> Tensor {
      try ProceduralWeights.noise(name, shape: shape, scale: 1, on: context)
    }
    let window: Shape = [config.outDim, frames, height, width]
    let grid = try transformer.grid(latents: window)
    let condition = try noise(
      "condition", [config.inDim - config.outDim, frames, height, width])
    let latents = try noise("latents", window)
    let guidance = try guidance(of: transformer, noise)
    return MeasuredOperation(
      name: "dit",
      parameters: [
        ("layers", layers), ("frames", frames), ("height", height), ("width", width),
        ("tokens", grid.tokenCount), ("branches", branches),
      ], arithmetic: dtype,
      operations: config.blockOperations(tokens: grid.tokenCount, guidance)
    ) {
      // The blocks overwrite the hidden states; making them anew takes a five-hundredth of the time.
      var state = try transformer.embed(
        latents, condition: condition, timestep: 500, grid: grid)
      try transformer.runBlocks(&state, branches: guidance)
    }
  }

  /// With the prompt and expression; without expression; with another prompt and none.
  private func guidance(
    of transformer: Transformer, _ noise: (String, Shape) throws -> Tensor
  ) throws -> [GuidanceBranch] {
    let config = transformer.config
    func text(_ name: String) throws -> AttentionContext {
      try transformer.textContext(noise(name, [77, config.textDim]))
    }
    let prompt = try text("prompt")
    let image = try transformer.imageContext(noise("image", [257, config.imageDim]))
    let portrait = try transformer.portraitContext(
      noise("portrait", [frames, 97, config.portraitDim]))
    let all = [
      GuidanceBranch(text: prompt, image: image, portrait: portrait),
      GuidanceBranch(text: prompt, image: image),
      GuidanceBranch(text: try text("negative prompt"), image: image),
    ]
    return Array(all.prefix(branches))
  }
}
