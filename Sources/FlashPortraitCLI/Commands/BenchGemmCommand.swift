import ArgumentParser
import TensorCore

struct BenchGemmCommand: BenchmarkCommand {
  static let configuration = CommandConfiguration(
    commandName: "gemm",
    abstract: "A Linear layer: [m, k] rows times [n, k] weights.",
    discussion: """
      bf16: rows, weights and result in bfloat16, sums in float32. f32: all float32. int8: \
      bfloat16 rows that are quantised on the way in, signed bytes with a scale for each output \
      channel, a bfloat16 result. The packing and quantising of the rows are part of the time.
      """)

  @Option(help: ArgumentHelp("Rows: tokens.", valueName: "count"))
  var m = 4096

  @Option(help: ArgumentHelp("Input channels.", valueName: "count"))
  var k = 5120

  @Option(help: ArgumentHelp("Output channels.", valueName: "count"))
  var n = 13824

  @Option(help: "Arithmetic.")
  var dtype: Arithmetic = .bf16

  @Option(help: "Who computes; openblas is for f32 alone.")
  var engine: MatrixEngine = .automatic

  @OptionGroup var benchmark: BenchmarkOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    for (name, value) in [("m", m), ("k", k), ("n", n)] {
      try BenchmarkOptions.check(name, value)
    }
    if engine == .openBLAS && dtype != .f32 {
      throw ValidationError("--engine openblas: expected --dtype f32")
    }
  }

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    let type: DType = dtype == .f32 ? .f32 : .bf16
    let rows = try BenchmarkInput.tensor([m, k], type, seed: 1, on: context)
    let output = try BenchmarkInput.tensor([m, n], type, seed: 2, on: context)
    let weights: MatrixProduct.Weights
    if dtype == .int8 {
      let scale = try Tensor([Float](repeating: 1 / 127, count: n), shape: [n])
      weights = .init(try BenchmarkInput.bytes([n, k], seed: 3), scale: scale)
    } else {
      weights = .init(try BenchmarkInput.tensor([n, k], type, seed: 3, on: context))
    }
    let product = MatrixProduct(weights, output: output)
    let (dtype, engine) = (dtype, engine)
    return MeasuredOperation(
      name: "gemm", parameters: [("m", m), ("k", k), ("n", n)], arithmetic: dtype,
      operations: 2 * Double(m) * Double(k) * Double(n)
    ) { try MatrixProduct.run(rows, [product], arithmetic: dtype, engine: engine, on: context) }
  }
}

extension MatrixEngine: ExpressibleByArgument {}
