import Foundation

/// Signals that mean the end: a line and an exit status instead of a trap and a stack trace.
package enum CrashReport {
  /// Takes over the signals of traps and lost memory; for the program alone. With
  /// `SWIFT_BACKTRACE` set, traps are left to the language's own report.
  package static func install() {
    signal(SIGBUS) { _ in CrashReport.reportLostMapping() }
    guard ProcessInfo.processInfo.environment["SWIFT_BACKTRACE"] == nil else { return }
    for number in [SIGTRAP, SIGSEGV, SIGFPE, SIGABRT] {
      signal(number) { _ in CrashReport.reportTrap() }
    }
    signal(SIGILL) { _ in CrashReport.reportIllegalInstruction() }
  }

  // What follows runs in a signal handler: nothing but system calls.

  /// A mapped file became shorter, or its disk failed, while it was read: there is no error code
  /// for that, only this signal.
  private static func reportLostMapping() {
    end(
      "error: an input file became shorter or could not be read while it was in use\n",
      .inputOutput)
  }

  private static func reportTrap() {
    end(
      """
      error: flashportrait stopped itself (a bug of flashportrait); SWIFT_BACKTRACE=enable=yes \
      shows where

      """, .internalError)
  }

  /// Swift's traps, and instructions that the processor claims and lacks.
  private static func reportIllegalInstruction() {
    end(
      """
      error: flashportrait stopped itself (a bug of flashportrait, or a processor that lacks an \
      instruction: try FLASHPORTRAIT_ISA=generic); SWIFT_BACKTRACE=enable=yes shows where

      """, .internalError)
  }

  private static func end(_ text: StaticString, _ status: ExitStatus) {
    _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
    _exit(status.rawValue)
  }
}
