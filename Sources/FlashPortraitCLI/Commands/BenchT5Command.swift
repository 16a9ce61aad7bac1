import ArgumentParser
import Checkpoints
import Layers
import PortraitPipeline
import TensorCore
import WanModels

struct BenchT5Command: BenchmarkCommand {
  static let configuration = CommandConfiguration(
    commandName: "t5",
    abstract: "Blocks of the text encoder over one prompt.",
    discussion: """
      Weights are made by formula, with a token table of few rows since a prompt reads no more of \
      it, or they come from a folder of checkpoints and are read from disk as in a job. The \
      gathering of the tokens' rows and the last norm are part of the time, though not of the \
      operations.
      """)

  @OptionGroup var weights: WeightOptions

  @Option(
    help: ArgumentHelp(
      "Blocks; the whole encoder has 24. With --checkpoints all there are.", valueName: "count"))
  var layers = 1

  @Option(help: ArgumentHelp("Tokens of the prompt.", valueName: "count"))
  var length = 512

  @Option(help: "Arithmetic: bf16 or f32.")
  var dtype: Arithmetic = .bf16

  @OptionGroup var benchmark: BenchmarkOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    for (name, value) in [("layers", layers), ("length", length)] {
      try BenchmarkOptions.check(name, value)
    }
    try BenchmarkOptions.check(floating: dtype)
  }

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    let encoder = try encoder(on: context)
    let config = encoder.config
    let prompt = TextTokens((0..<length).map { Int32($0 * 7919 % config.vocabularySize) })
    let usage = PassUsage()
    var operation = MeasuredOperation(
      name: "t5", parameters: [("layers", config.numLayers), ("length", length)],
      arithmetic: dtype, operations: config.operations(length: length)
    ) {
      _ = try encoder([prompt])
      usage.endPass(waited: encoder.secondsWaitedForWeights)
    }
    operation.notes = { [usage.waiting] }
    return operation
  }

  private func encoder(on context: ComputeContext) throws -> TextEncoder {
    let execution = Execution(arithmetic: dtype, context: context)
    if let checkpoints = weights.checkpoints {
      return try ModelFolder(checkpoints).textEncoder(execution: execution)
    }
    var config = try weights.sizes.geometry.load().textEncoder
    config.numLayers = layers
    config.vocabularySize = min(config.vocabularySize, 1024)
    let source = ProceduralTensorSource(dtype: dtype == .f32 ? .f32 : .bf16, on: context)
    return try TextEncoder(config, weights: source, execution: execution)
  }
}
