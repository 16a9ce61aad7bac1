import TensorCore

/// What can be wrong with a checkpoint file.
package enum CheckpointError: Error, Equatable, CustomStringConvertible {
  /// The system would not open, map or read a file.
  case unreadable(path: String, reason: String)

  /// A file, or one tensor in it, breaks its format's rules: damaged, or not what its name says.
  case malformed(path: String, tensor: String?, expected: String, found: String)

  /// A file keeps to its format but uses what this program does not read.
  case unsupported(path: String, tensor: String?, found: String, advice: String)

  case noSuchTensor(path: String, tensor: String)

  package var description: String {
    switch self {
    case .unreadable(let path, let reason): "\(path): \(reason)"
    case .malformed(let path, let tensor, let expected, let found):
      "\(Self.place(path, tensor)): expected \(expected), found \(found); "
        + "the file is damaged or incomplete: download or copy it again"
    case .unsupported(let path, let tensor, let found, let advice):
      "\(Self.place(path, tensor)): \(found) is not supported: \(advice)"
    case .noSuchTensor(let path, let tensor): "\(path): has no tensor '\(tensor)'"
    }
  }

  private static func place(_ path: String, _ tensor: String?) -> String {
    tensor.map { "\(path): tensor '\($0)'" } ?? path
  }
}
