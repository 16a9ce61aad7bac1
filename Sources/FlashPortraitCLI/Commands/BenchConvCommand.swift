import ArgumentParser
import TensorCore

struct BenchConvCommand: BenchmarkCommand {
  static let configuration = CommandConfiguration(
    commandName: "conv",
    abstract: "A convolution, causal in time, over a clip; 3x3x3 where nothing else is said.",
    discussion: """
      Input and result, channels last, in the given type. Earlier frames come in front, so that \
      every output frame has all of its own and no product with zero frames is left out. The weights \
      are packed beforehand, as a network does once; the padding of the input is part of the time. \
      Operations are those of plain sums, even where Winograd's way does with fewer.
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

  @Option(help: ArgumentHelp("Frames of the kernel; 1 for pictures.", valueName: "count"))
  var kernelFrames = 3

  @Option(help: ArgumentHelp("Rows and columns of the kernel.", valueName: "count"))
  var kernel = 3

  @Option(help: ArgumentHelp("Rows and columns between outputs.", valueName: "count"))
  var stride = 1

  @Option(
    help: ArgumentHelp("Sets of channels; as many as channels: depthwise.", valueName: "count"))
  var groups = 1

  @Option(help: "Arithmetic: bf16 or f32.")
  var dtype: Arithmetic = .bf16

  @OptionGroup var benchmark: BenchmarkOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  private var sizes: [(name: String, value: Int)] {
    [
      ("in_channels", inChannels), ("out_channels", outChannels), ("height", height),
      ("width", width), ("frames", frames), ("kernel_frames", kernelFrames), ("kernel", kernel),
      ("stride", stride), ("groups", groups),
    ]
  }

  func validate() throws {
    for (name, value) in sizes {
      try BenchmarkOptions.check(String(name.map { $0 == "_" ? "-" : $0 }), value)
    }
    try BenchmarkOptions.check(floating: dtype)
    guard inChannels % groups == 0, outChannels % groups == 0 else {
      throw ValidationError("--groups \(groups) does not divide both channel counts.")
    }
  }

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    let type: DType = dtype == .f32 ? .f32 : .bf16
    func input(_ axes: [Int], _ seed: UInt64) throws -> Tensor {
      try BenchmarkInput.tensor(Shape(validating: axes), type, seed: seed, on: context)
    }
    let padding = (kernel - 1) / 2
    let geometry = ConvolutionGeometry(
      stride: [1, stride, stride], padding: [0, padding, padding], groups: groups)
    let clip = try input([frames + kernelFrames - 1, height, width, inChannels], 1)
    let convolution = try Convolution(
      weight: input([outChannels, inChannels / groups, kernelFrames, kernel, kernel], 3),
      geometry: geometry, arithmetic: dtype, on: context)
    let rows = geometry.outputSize(axis: 1, kernel: kernel, input: height)
    let columns = geometry.outputSize(axis: 2, kernel: kernel, input: width)
    let output = try input([frames, rows, columns, outChannels], 2)
    let taps = Double(kernelFrames) * Double(kernel) * Double(kernel)
    let points = Double(frames) * Double(rows) * Double(columns)
    return MeasuredOperation(
      name: "conv", parameters: sizes, arithmetic: dtype,
      operations: 2 * taps * Double(inChannels / groups) * Double(outChannels) * points
    ) { _ = try convolution(clip, outputType: type, output: output) }
  }
}
