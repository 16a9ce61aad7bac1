import ArgumentParser
import TensorCore

struct BenchConvCommand: BenchmarkCommand {
  static let configuration = CommandConfiguration(
    commandName: "conv",
    abstract: "A causal 3x3x3 convolution with its two earlier frames.",
    discussion: """
      bf16: frames and result in bfloat16, sums in float32. f32: all float32. Every output frame has \
      three input frames and all rows and columns a border of zeros; the copy of the frames into \
      padded ones is part of the time, the packing of the weights is not.
      """)

  @Option(help: ArgumentHelp("Channels of the input.", valueName: "count"))
  var inChannels = 96

  @Option(help: ArgumentHelp("Channels of the output.", valueName: "count"))
  var outChannels = 96

  @Option(help: ArgumentHelp("Rows of a frame.", valueName: "count"))
  var height = 128

  @Option(help: ArgumentHelp("Columns of a frame.", valueName: "count"))
  var width = 128

  @Option(help: ArgumentHelp("Frames of the output.", valueName: "count"))
  var frames = 4

  @Option(help: "Arithmetic: f32 or bf16.")
  var dtype: Arithmetic = .bf16

  @OptionGroup var benchmark: BenchmarkOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  private var sizes: [(name: String, value: Int)] {
    [
      ("in-channels", inChannels), ("out-channels", outChannels), ("height", height),
      ("width", width), ("frames", frames),
    ]
  }

  func validate() throws {
    for size in sizes { try BenchmarkOptions.check(size.name, size.value) }
    if dtype == .int8 { throw ValidationError("--dtype int8: expected f32 or bf16") }
  }

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    let type: DType = dtype == .f32 ? .f32 : .bf16
    let input = try BenchmarkInput.tensor(
      Shape(validating: [frames + 2, height, width, inChannels]), type, seed: 1, on: context)
    let output = try BenchmarkInput.tensor(
      Shape(validating: [frames, height, width, outChannels]), type, seed: 2, on: context)
    let weight = try BenchmarkInput.tensor(
      Shape(validating: [outChannels, inChannels, 3, 3, 3]), type, seed: 3, on: context)
    let convolution = try Convolution(
      weight: weight, geometry: .init(padding: [0, 1, 1]), arithmetic: dtype, on: context)
    let multiplications = [27, inChannels, outChannels, height, width, frames]
    return MeasuredOperation(
      name: "conv", parameters: sizes.map { ($0.name.replacing("-", with: "_"), $0.value) },
      arithmetic: dtype, operations: multiplications.reduce(2.0) { $0 * Double($1) }
    ) { _ = try convolution(input, output: output) }
  }
}
