import ArgumentParser
import TensorCore

/// The whole program: arguments in, exit status out.
package enum Program {
  /// Runs one command and reports what went wrong.
  ///
  /// - Parameter arguments: what follows the program's name.
  /// - Returns: the exit status, see `ExitStatus`.
  package static func run(_ arguments: [String]) async -> Int32 {
    do {
      var command = try parse(arguments)
      if let computing = command as? any ComputingCommand { try computing.machine.apply() }
      if var waiting = command as? any AsyncParsableCommand {
        try await waiting.run()
      } else {
        try command.run()
      }
      try Console.current.finish()
      return ExitStatus.success.rawValue
    } catch {
      return report(error)
    }
  }

  /// An error of the argument parser, kept apart from those of a command that runs.
  private struct Refusal: Error {
    let reason: any Error
  }

  private static func parse(_ arguments: [String]) throws -> any ParsableCommand {
    do { return try FlashPortraitCommand.parseAsRoot(arguments) } catch {
      throw Refusal(reason: error)
    }
  }

  private static func report(_ error: any Error) -> Int32 {
    if let failure = Failure(error) { return report(failure) }
    let reason = (error as? Refusal)?.reason ?? error
    let code = FlashPortraitCommand.exitCode(for: reason)
    let text = FlashPortraitCommand.fullMessage(for: reason)
    if code == .success { return show(text) }
    if code == .validationFailure || error is Refusal {
      Console.current.printMessage(text)
      return ExitStatus.usage.rawValue
    }
    return report(Failure(any: reason))
  }

  private static func report(_ failure: Failure) -> Int32 {
    // Results that were made before the failure still count; a closed pipe takes none.
    if failure.status != .outputClosed {
      do { try Console.current.finish() } catch {}
      Console.current.printMessage("error: \(printableLines(failure.message))")
    }
    return failure.status.rawValue
  }

  /// Help, version and completion scripts: results that the argument parser makes.
  private static func show(_ text: String) -> Int32 {
    do {
      try Console.current.printResult(text)
      try Console.current.finish()
      return ExitStatus.success.rawValue
    } catch { return Failure(error)?.status.rawValue ?? ExitStatus.inputOutput.rawValue }
  }
}
