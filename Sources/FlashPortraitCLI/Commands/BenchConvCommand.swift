import ArgumentParser
import TensorCore

struct BenchConvCommand: BenchmarkCommand {
  static let configuration = CommandConfiguration(
    commandName: "conv",
    abstract: "A 3x3x3 convolution, causal in time, over a clip.",
    discussion: """
      Input and result, channels last, in the given type. Two earlier frames come in front, so that \
      every output frame has its three and no product with zero frames is left out. The weights are \
      packed beforehand, as a network does once; the padding of the input is part of the time.
      """)

  @Option(help: ArgumentHelp("Input channels.", valueName: "count"))
  var inChannels = 96

  @Option(help: ArgumentHelp("Output channels.", valueName: "count"))
  var outChannels = 96

  @Option(help: ArgumentHelp("Rows of a frame.", valueName: "count"))
  var height = 128

  @Option(help: ArgumentHelp("Columns of a frame.", valueName: "count"))
  var width = 128

  @Option(help: ArgumentHelp("Frames of the output.", valueName: "count"))
  var frames = 4

  @Option(help: "Arithmetic: bf16 or f32.")
  var dtype: Arithmetic = .bf16

  @OptionGroup var benchmark: BenchmarkOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  private var sizes: [(name: String, value: Int)] {
    [
      ("in_channels", inChannels), ("out_channels", outChannels), ("height", height),
      ("width", width), ("frames", frames),
    ]
  }

  func validate() throws {
    for (name, value) in sizes {
      try BenchmarkOptions.check(String(name.map { $0 == "_" ? "-" : $0 }), value)
    }
    try BenchmarkOptions.check(floating: dtype)
  }

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    let type: DType = dtype == .f32 ? .f32 : .bf16
    func input(_ axes: [Int], _ seed: UInt64) throws -> Tensor {
      try BenchmarkInput.tensor(Shape(validating: axes), type, seed: seed, on: context)
    }
    let clip = try input([frames + 2, height, width, inChannels], 1)
    let output = try input([frames, height, width, outChannels], 2)
    let convolution = try Convolution(
      weight: input([outChannels, inChannels, 3, 3, 3], 3),
      geometry: ConvolutionGeometry(padding: [0, 1, 1]), arithmetic: dtype, on: context)
    let points = Double(frames) * Double(height) * Double(width)
    return MeasuredOperation(
      name: "conv", parameters: sizes, arithmetic: dtype,
      operations: 2 * 27 * Double(inChannels) * Double(outChannels) * points
    ) { _ = try convolution(clip, outputType: type, output: output) }
  }
}
