import ArgumentParser
import TensorCore

struct BenchPeakCommand: BenchmarkCommand {
  static let configuration = CommandConfiguration(
    commandName: "peak",
    abstract: "The arithmetic rate when operands never leave the registers.")

  @Option(help: "Arithmetic.")
  var dtype: Arithmetic = .bf16

  @OptionGroup var benchmark: BenchmarkOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func operation(on context: ComputeContext) throws -> MeasuredOperation {
    var rounds: Int64 = 1 << 12
    var trial = PeakRate.run(dtype, rounds: rounds, on: context)
    while trial.seconds < 0.05 {
      rounds *= 2
      trial = PeakRate.run(dtype, rounds: rounds, on: context)
    }
    let (dtype, enough) = (dtype, rounds)
    return MeasuredOperation(
      name: "peak", parameters: [], arithmetic: dtype, operations: trial.operations
    ) { _ = PeakRate.run(dtype, rounds: enough, on: context) }
  }
}
