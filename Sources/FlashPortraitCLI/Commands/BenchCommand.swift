import ArgumentParser
import TensorCore

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures the kernels on this machine.",
    discussion: """
      Every figure stands beside the machine's peak rate in the same arithmetic (operands that \
      never leave the registers), measured in turns with the operation in the same run: compare \
      shares of peak, since rates drift on shared machines.
      """,
    subcommands: [
      BenchPeakCommand.self, BenchGemmCommand.self, BenchAttentionCommand.self,
      BenchConvCommand.self, BenchDitCommand.self, BenchVAECommand.self,
      BenchTinyVAECommand.self, BenchClipCommand.self, BenchT5Command.self,
      BenchMotionCommand.self, BenchALPCommand.self,
    ])
}
