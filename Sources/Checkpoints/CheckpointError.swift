import TensorCore

/// What can be wrong with a checkpoint file.
package enum CheckpointError: Error, Equatable, CustomStringConvertible {
  /// The system would not open, map or read a file.
  case unreadable(path: String, reason: String)

  /// A file, or one tensor in it, breaks its format's rules: damaged, or not what its name says.
  case malformed(path: String, tensor: String?, expected: String, found: String)

  /// A file keeps to its format but uses what this program does not read.
  case unsupported(path: String, tensor: String?, found: String, advice: String)

  /// A pickle names a class or function that no tensor needs, which loading it would run.
  case forbiddenGlobal(path: String, name: String)

  case noSuchTensor(path: String, tensor: String)

  /// Two tensors would get the same name.
  case duplicateTensor(path: String, tensor: String)

  /// A shard that an index names is not there.
  case missingShard(index: String, shard: String, tensorCount: Int)

  /// A folder in which no checkpoint, or no single one, is found.
  case noCheckpoint(folder: String, found: String)

  /// A checkpoint and the network that it was loaded into do not fit.
  case mismatch(WeightReport)

  /// An adapter does not fit the network that it is merged into.
  case adapterMismatch(AdapterReport)

  package var description: String {
    switch self {
    case .mismatch(let report): report.description
    case .adapterMismatch(let report): report.description
    default: sentence.printable
    }
  }

  private var sentence: String {
    switch self {
    case .unreadable(let path, let reason): "\(path): \(reason)"
    case .malformed(let path, let tensor, let expected, let found):
      "\(Self.place(path, tensor)): expected \(expected), found \(found); "
        + "the file is damaged or incomplete: download or copy it again"
    case .unsupported(let path, let tensor, let found, let advice):
      "\(Self.place(path, tensor)): \(found) is not supported: \(advice)"
    case .forbiddenGlobal(let path, let name):
      "\(path): refused: the pickle names \(name); a checkpoint holds tensors, and this file would "
        + "run code: save the model's state_dict() alone"
    case .noSuchTensor(let path, let tensor): "\(path): has no tensor '\(tensor)'"
    case .duplicateTensor(let path, let tensor):
      "\(path): two tensors would be called '\(tensor)': leave one out or rename it"
    case .missingShard(let index, let shard, let count):
      "\(index): its shard '\(shard)' with \(count) tensors is missing: "
        + "download it to the same folder"
    case .noCheckpoint(let folder, let found):
      "\(folder): expected one checkpoint (an index, a .safetensors, .pt, .pth or .bin file), "
        + "found \(found): name the file itself"
    case .mismatch, .adapterMismatch: "does not fit the network"
    }
  }

  private static func place(_ path: String, _ tensor: String?) -> String {
    tensor.map { "\(path): tensor '\($0)'" } ?? path
  }
}
