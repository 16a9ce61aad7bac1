import Foundation

/// What can be wrong with a file that is written.
package enum OutputError: Error, Equatable, CustomStringConvertible {
  case unwritable(path: String, reason: String)

  /// Not enough room; the sizes are nil where the disk filled up on the way.
  case diskFull(path: String, needed: Int?, available: Int?)

  package var isDiskFull: Bool {
    if case .diskFull = self { return true }
    return false
  }

  package var description: String {
    switch self {
    case .unwritable(let path, let reason): "\(path): cannot be written: \(reason)"
    case .diskFull(let path, let needed?, let available?):
      "\(path): needs \(needed) bytes, but the disk has \(available) left: free some room"
    case .diskFull(let path, _, _):
      "\(path): the disk is full: free some room; nothing was left behind"
    }
  }

  /// What a failed call of the system means for a file.
  ///
  /// - Parameter code: the system's `errno`.
  package init(path: String, code: Int32) {
    self =
      code == ENOSPC || code == EDQUOT
      ? .diskFull(path: path, needed: nil, available: nil)
      : .unwritable(path: path, reason: String(cString: strerror(code)))
  }
}
