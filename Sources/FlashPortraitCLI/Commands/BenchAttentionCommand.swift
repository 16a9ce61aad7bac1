import ArgumentParser
import TensorCore

struct BenchAttentionCommand: BenchmarkCommand {
  static let configuration = CommandConfiguration(
    commandName: "attention",
    abstract: "Softmax attention of every position to every position.",
    discussion: """
      Queries, keys, values and result in the given type; the packing of keys and values is part of \
      the time.
      """)

  @Option(help: ArgumentHelp("Attention heads.", valueName: "count"))
  var heads = 40

  @Option(help: ArgumentHelp("Channels of a head.", valueName: "count"))
  var headDim = 128

  @Option(help: ArgumentHelp("Queries: tokens.", valueName: "count"))
  var length = 4096

  @Option(help: ArgumentHelp("Keys and values; default: as many as queries.", valueName: "count"))
  var keys: Int?

  @Option(help: "Arithmetic: bf16 or f32.")
  var dtype: Arithmetic = .bf16

  @OptionGroup var benchmark: BenchmarkOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    for (name, value) in [("heads", heads), ("head-dim", headDim), ("length", length)] {
      try BenchmarkOptions.check(name, value)
    }
    if let keys { try BenchmarkOptions.check("keys", keys) }
    try BenchmarkOptions.check(floating: dtype)
  }

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    let type: DType = dtype == .f32 ? .f32 : .bf16
    let keyCount = keys ?? length
    func input(_ count: Int, _ seed: UInt64) throws -> Tensor {
      try BenchmarkInput.tensor(
        Shape(validating: [count, heads, headDim]), type, seed: seed, on: context)
    }
    let queries = Attention.Rows(try input(length, 1))
    let keys = Attention.Rows(try input(keyCount, 2))
    let values = try input(keyCount, 3)
    let dtype = dtype
    return MeasuredOperation(
      name: "attention",
      parameters: [
        ("heads", heads), ("head_dim", headDim), ("length", length), ("keys", keyCount),
      ], arithmetic: dtype,
      operations: 4 * Double(heads) * Double(headDim) * Double(length) * Double(keyCount)
    ) {
      _ = try Attention.attend(
        queries, keys: keys, values: values, arithmetic: dtype, outputType: type, on: context)
    }
  }
}
