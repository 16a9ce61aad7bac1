import ArgumentParser

struct DoctorCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Tells what this machine offers.")
  @OptionGroup var machine: MachineOptions

  func run() throws { try Console.current.printResult("x") }
}
