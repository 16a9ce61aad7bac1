import ArgumentParser
import Checkpoints
import TensorCore

struct DoctorCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Tells what this machine offers and whether the checkpoints are complete.",
    discussion: """
      Nothing is changed. Exit status 0 also where there are notes; 69 where the machine cannot \
      run flashportrait at all.
      """)

  @Option(
    help: ArgumentHelp("Look at this folder of checkpoints too.", valueName: "folder"),
    completion: .directory)
  var checkpoints: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup(title: "Machine") var machine: MachineOptions

  func run() throws {
    let context = ComputeContext.shared
    try KernelSelfCheck.run(on: context)
    let folder = try checkpoints.map { path in
      try InputPath.check(path)
      return try CheckpointFolder(path: path)
    }
    let report = DoctorReport(machine: .current(on: context), folder: folder)
    if json {
      try Console.current.printResult(jsonText(report))
    } else {
      for line in report.lines { try Console.current.printResult(line) }
    }
  }
}
