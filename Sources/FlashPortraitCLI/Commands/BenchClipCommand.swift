import ArgumentParser
import Checkpoints
import Layers
import PortraitPipeline
import TensorCore
import WanModels

struct BenchClipCommand: BenchmarkCommand {
  static let configuration = CommandConfiguration(
    commandName: "clip",
    abstract: "The image encoder, all blocks that are run.",
    discussion: """
      Weights by formula, float16 as published; the preparation of the picture is left out.
      """)

  @OptionGroup var sizes: GeometryOption

  @Option(help: ArgumentHelp("Pictures.", valueName: "count"))
  var pictures = 1

  @Option(help: "Arithmetic: bf16 or f32.")
  var dtype: Arithmetic = .bf16

  @OptionGroup var benchmark: BenchmarkOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    try BenchmarkOptions.check("pictures", pictures)
    try BenchmarkOptions.check(floating: dtype)
  }

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    let config = try sizes.geometry.load().imageEncoder
    let encoder = try ImageEncoder(
      config,
      weights: ProceduralTensorSource(
        prefix: ImageEncoder.checkpointPrefix, dtype: .f16, on: context),
      execution: Execution(arithmetic: dtype, context: context))
    let pixels = try ProceduralWeights.noise(
      "pixels", shape: Shape(validating: [pictures, 3, config.imageSize, config.imageSize]),
      scale: 2, on: context)
    return MeasuredOperation(
      name: "clip",
      parameters: [
        ("layers", config.numLayers), ("dim", config.dim), ("tokens", config.tokens),
        ("pictures", pictures),
      ], arithmetic: dtype, operations: Double(pictures) * config.operations
    ) { _ = try encoder(pixels) }
  }
}

extension ImageEncoderConfig {
  /// Operations for a picture: the products, and attention.
  fileprivate var operations: Double {
    let (rows, dim) = (Double(tokens), Double(dim))
    let block = 2 * rows * dim * (4 * dim + 2 * Double(mlpDim)) + 4 * rows * rows * dim
    return Double(numLayers - 1) * block
      + 2 * (rows - 1) * dim * Double(3 * patchSize * patchSize)
  }
}
