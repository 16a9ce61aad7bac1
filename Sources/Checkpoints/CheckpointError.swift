import TensorCore

/// What can be wrong with a checkpoint file.
package enum CheckpointError: Error, CustomStringConvertible {
  case unreadable(path: String, reason: String)

  package var description: String {
    switch self {
    case .unreadable(let path, let reason): "\(path): \(reason)"
    }
  }
}
