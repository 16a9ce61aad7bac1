import ArgumentParser
import Checkpoints
import Layers
import PortraitPipeline
import TensorCore
import WanModels

struct BenchDitCommand: BenchmarkCommand {
  static let configuration = CommandConfiguration(
    commandName: "dit",
    abstract: "Blocks of the video diffusion transformer.",
    discussion: """
      Weights and inputs are made by formula, or the weights come from a folder of checkpoints and \
      are read from disk as in a job. Keys and values of prompt, picture and expression are made in \
      the first call, which is not timed, as in the first step of a job. The patch embedding is part \
      of the time, though not of the operations; the head is left out.
      """)

  @OptionGroup var weights: WeightOptions

  @Option(help: ArgumentHelp("Blocks; with --checkpoints all there are.", valueName: "count"))
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
    try BenchmarkOptions.check(floating: dtype)
  }

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    let transformer = try transformer(on: context)
    let config = transformer.config
    func noise(_ name: String, _ shape: Shape) throws -> Tensor {
      try ProceduralWeights.noise(name, shape: shape, scale: 1, on: context)
    }
    func window(_ channels: Int) throws -> Shape {
      try Shape(validating: [channels, frames, height, width])
    }
    let latents = try noise("latents", window(config.outDim))
    let condition = try noise("condition", window(config.inDim - config.outDim))
    let grid = try transformer.grid(latents: latents.shape)
    let guidance = try guidance(of: transformer, noise)
    let usage = PassUsage()
    var operation = MeasuredOperation(
      name: "dit",
      parameters: [
        ("layers", config.numLayers), ("frames", frames), ("height", height), ("width", width),
        ("tokens", grid.tokenCount), ("branches", branches),
      ], arithmetic: dtype,
      operations: config.blockOperations(tokens: grid.tokenCount, guidance)
    ) {
      // The blocks overwrite the hidden states; making them anew takes a five-hundredth of the time.
      var state = try transformer.embed(
        latents, condition: condition, timestep: 500, grid: grid)
      try transformer.runBlocks(&state, branches: guidance) { _, _ in usage.sample() }
      usage.endPass(waited: transformer.secondsWaitedForWeights)
    }
    operation.notes = { [usage.ownMemory, usage.waiting] }
    return operation
  }

  private func transformer(on context: ComputeContext) throws -> Transformer {
    let execution = Execution(arithmetic: dtype, context: context)
    if let checkpoints = weights.checkpoints {
      return try ModelFolder(checkpoints).transformer(execution: execution)
    }
    var config = try weights.sizes.geometry.load().transformer
    config.numLayers = layers
    let source = ProceduralTensorSource(dtype: dtype == .f32 ? .f32 : .bf16, on: context)
    return try Transformer(config, weights: source, execution: execution)
  }

  /// With the prompt and expression; without expression; with another prompt and none.
  private func guidance(
    of transformer: Transformer, _ noise: (String, Shape) throws -> Tensor
  ) throws -> [GuidanceBranch] {
    let config = transformer.config
    func text(_ name: String) throws -> AttentionContext {
      try transformer.textContext(noise(name, [min(77, config.textLength), config.textDim]))
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
