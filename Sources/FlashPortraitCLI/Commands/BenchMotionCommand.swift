import ArgumentParser
import Checkpoints
import Layers
import PortraitModels
import PortraitPipeline
import TensorCore

struct BenchMotionCommand: BenchmarkCommand {
  static let configuration = CommandConfiguration(
    commandName: "motion",
    abstract: "The motion encoder on aligned face crops, one for each video frame.",
    discussion: "Weights and crops are made by formula.")

  @Option(help: ArgumentHelp("Crops.", valueName: "count"))
  var crops = 8

  @Option(help: "Arithmetic: f32, as in a job, or bf16.")
  var dtype: Arithmetic = .f32

  @OptionGroup var sizes: GeometryOption
  @OptionGroup var benchmark: BenchmarkOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    try BenchmarkOptions.check("crops", crops)
    try BenchmarkOptions.check(floating: dtype)
  }

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    let config = try sizes.geometry.load().motionEncoder
    let encoder = try MotionEncoder(
      config, weights: ProceduralTensorSource(on: context),
      execution: Execution(arithmetic: dtype, context: context))
    let size = config.imageSize
    let bytes = try BenchmarkInput.bytes(
      Shape(validating: [crops, size, size, 3]), seed: 1)
    let pictures = Tensor(storage: bytes.storage, dtype: .u8, shape: bytes.shape)
    return MeasuredOperation(
      name: "motion", parameters: [("crops", crops), ("size", size)], arithmetic: dtype,
      operations: Double(crops) * config.operations
    ) { _ = try encoder(bgr: pictures) }
  }
}

extension MotionEncoderConfig {
  /// Operations for a crop: the convolutions. The heads are less than a thousandth of them.
  fileprivate var operations: Double {
    func convolution(_ inputs: Int, _ outputs: Int, kernel: Int, size: Int) -> Double {
      2 * Double(inputs * outputs) * Double(kernel * kernel) * Double(size * size)
    }
    func block(_ inputs: Int, _ outputs: Int, size: Int) -> Double {
      convolution(inputs, outputs / 2, kernel: 3, size: size)
        + convolution(outputs / 2, outputs / 4, kernel: 3, size: size)
        + convolution(outputs / 4, outputs / 4, kernel: 3, size: size)
        + (inputs == outputs ? 0 : convolution(inputs, outputs, kernel: 1, size: size))
    }
    let (half, quarter, wide) = (imageSize / 2, imageSize / 4, hourglassChannels)
    var sum = convolution(3, stemChannels, kernel: 7, size: half)
    sum += block(stemChannels, channels, size: half)
    sum += block(channels, channels, size: quarter) + block(channels, wide, size: quarter)
    for level in 0..<Self.hourglassDepth {
      sum += block(wide, wide, size: quarter >> level)
      let blocksBelow = level + 1 == Self.hourglassDepth ? 3.0 : 2.0
      sum += blocksBelow * block(wide, wide, size: quarter >> (level + 1))
    }
    sum += block(wide, wide, size: quarter)
    return sum + convolution(wide, wide, kernel: 1, size: quarter)
      + convolution(wide, maps, kernel: 1, size: quarter)
      + convolution(maps, 1, kernel: 3, size: imageSize / 8)
  }
}
