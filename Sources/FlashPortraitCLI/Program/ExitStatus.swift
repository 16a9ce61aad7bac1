/// How the program ends, by the numbers of sysexits.h and, for signals, of the shell.
package enum ExitStatus: Int32, Sendable {
  case success = 0
  case usage = 64
  case badData = 65
  case inputMissing = 66
  case unavailable = 69
  case internalError = 70
  case cannotCreate = 73
  case inputOutput = 74
  case hungUp = 129
  case interrupted = 130
  case outputClosed = 141
  case terminated = 143
}
