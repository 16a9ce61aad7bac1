import ArgumentParser
import TensorCore

/// A command that computes: its machine options are applied before it runs.
protocol ComputingCommand: ParsableCommand {
  var machine: MachineOptions { get }
}

/// What a command may use of the machine.
struct MachineOptions: ParsableArguments {
  static let threadRange = 1...4096

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Threads to compute with, 1 to 4096.",
      discussion: "Default: the physical cores that this process may use.", valueName: "n"))
  var threads: Int?

  func validate() throws {
    guard let threads, !Self.threadRange.contains(threads) else { return }
    throw ValidationError("--threads \(threads): expected 1 to 4096")
  }

  /// Sets up the threads and the instruction set that `FLASHPORTRAIT_ISA` asks for.
  ///
  /// - Throws: `TensorError` where the environment asks for what is not there.
  func apply() throws {
    try ComputeContext.configure(threadCount: threads)
  }
}
