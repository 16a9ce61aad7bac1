/// What a command finds wrong by itself; errors of the files and tensors come from their modules.
package enum CommandError: Error, Equatable, CustomStringConvertible {
  case inputMissing(path: String)
  case inputUnreadable(path: String, reason: String)
  case emptyInput(path: String, expected: String)
  case inputIsNot(path: String, expected: String)
  case outputExists(path: String)
  case outputIsInput(path: String)
  case outputNotCreated(path: String, reason: String)
  case inputOutput(path: String, reason: String)
  case machineUnusable(reason: String)
  case outputClosed
  case interrupted(signal: Int32)
  /// A job that can be taken up again, by the command without a flag; `place` is what is done: "step
  /// 7 of 30".
  case jobInterrupted(signal: Int32, place: String?, folder: String, without: String? = nil)
  /// Of several jobs; `status` is the greatest among theirs.
  case jobsFailed(failed: Int, count: Int, status: ExitStatus)
  /// Flags that contradict each other or what a file says.
  case usage(String)
  case notInThisCommand(file: String, what: String)

  package var description: String {
    switch self {
    case .inputMissing(let path):
      "\(path): no such file or folder"
    case .inputUnreadable(let path, let reason):
      "\(path): cannot be read: \(reason)"
    case .emptyInput(let path, let expected):
      "\(path): holds nothing; expected \(expected)"
    case .inputIsNot(let path, let expected):
      "\(path): is not \(expected)"
    case .outputExists(let path):
      "\(path): already exists; give --overwrite to replace it, or choose another name"
    case .outputIsInput(let path):
      "\(path): is both an input and the output; choose another name for the output"
    case .outputNotCreated(let path, let reason):
      "\(path): cannot be created: \(reason)"
    case .inputOutput(let path, let reason):
      "\(path): \(reason)"
    case .machineUnusable(let reason):
      "this machine cannot run flashportrait: \(reason)"
    case .outputClosed:
      "the reader of the output has gone"
    case .interrupted(let signal):
      "interrupted by signal \(signal); nothing is left half-written"
    case .jobInterrupted(let signal, let place, let folder, let flag):
      "interrupted by signal \(signal); the same command"
        + (flag.map { " without \($0)" } ?? "") + " continues"
        + (place.map { " after \($0)" } ?? "") + "; what is done is kept in \(folder)"
    case .jobsFailed(let failed, let count, _):
      "\(failed) of \(count) jobs failed"
    case .usage(let text): text
    case .notInThisCommand(let file, let what):
      "\(file): \(what)"
    }
  }

  var status: ExitStatus {
    switch self {
    case .inputMissing, .inputUnreadable: .inputMissing
    case .emptyInput, .inputIsNot: .badData
    case .outputIsInput, .usage: .usage
    case .outputExists, .outputNotCreated: .cannotCreate
    case .inputOutput: .inputOutput
    case .machineUnusable: .unavailable
    case .outputClosed: .outputClosed
    case .jobsFailed(_, _, let status): status
    case .notInThisCommand: .badData
    case .interrupted(let signal), .jobInterrupted(let signal, _, _, _):
      ExitStatus(rawValue: 128 + signal) ?? .interrupted
    }
  }
}
