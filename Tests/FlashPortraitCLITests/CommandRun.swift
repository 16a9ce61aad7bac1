import FlashPortraitCLI
import Foundation

/// What a command said and how it ended.
struct CommandRun {
  let status: Int32
  let output: String
  let messages: String

  /// Runs a command in this process.
  static func inProcess(_ arguments: String...) async -> CommandRun {
    await inProcess(arguments: arguments)
  }

  static func inProcess(arguments: [String]) async -> CommandRun {
    let console = Console(results: TextSink(), messages: TextSink())
    let status = await Console.$current.withValue(console) { await Program.run(arguments) }
    return CommandRun(
      status: status, output: console.results.text, messages: console.messages.text)
  }

  /// The built program, which lies beside the tests.
  static var program: String {
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return tests.deletingLastPathComponent().appendingPathComponent("flashportrait").path
  }

  /// Runs the built program to its end.
  static func program(
    _ arguments: [String], environment: [String: String] = [:]
  ) throws -> CommandRun {
    try launch(program, arguments, environment: environment).wait()
  }

  /// Runs a line in the shell, with the program's path in `$FLASHPORTRAIT`.
  static func shell(_ line: String) throws -> CommandRun {
    try launch("/bin/sh", ["-c", line], environment: ["FLASHPORTRAIT": program]).wait()
  }

  /// A program that is running.
  struct Child {
    let process: Process
    let output: URL
    let messages: URL

    func wait() throws -> CommandRun {
      process.waitUntilExit()
      let run = CommandRun(
        status: process.terminationReason == .exit
          ? process.terminationStatus : -process.terminationStatus,
        output: try String(contentsOf: output, encoding: .utf8),
        messages: try String(contentsOf: messages, encoding: .utf8))
      for file in [output, messages] { try FileManager.default.removeItem(at: file) }
      return run
    }
  }

  /// Starts a program. Its output goes to files: pipes would fill up unread.
  static func launch(
    _ path: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> Child {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let files = try ["out", "err"].map { kind in
      let file = FileManager.default.temporaryDirectory
        .appendingPathComponent("flashportrait-\(UUID().uuidString).\(kind)")
      try Data().write(to: file)
      return file
    }
    process.standardOutput = try FileHandle(forWritingTo: files[0])
    process.standardError = try FileHandle(forWritingTo: files[1])
    try process.run()
    return Child(process: process, output: files[0], messages: files[1])
  }
}
