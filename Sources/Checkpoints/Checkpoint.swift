import Foundation
import TensorCore

/// How a checkpoint file keeps its tensors.
package enum CheckpointFormat: String, Sendable, Codable {
  case safetensors
  case pyTorch = "pytorch"
}

/// One tensor of a checkpoint as its file declares it.
package struct TensorEntry: Sendable, Equatable {
  package let name: String
  package let dtype: DType
  package let shape: Shape

  /// Bytes of the elements, were they contiguous.
  package let byteCount: Int

  /// - Parameter shape: one whose size in bytes does not overflow; the readers check that.
  package init(name: String, dtype: DType, shape: Shape) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    byteCount = shape.count * dtype.byteCount
  }
}

/// An open checkpoint whose tensors are views of mapped files: opening touches only the header, and
/// a tensor's pages come from disk when they are used.
package protocol TensorFile: Sendable {
  var path: String { get }
  var format: CheckpointFormat { get }

  /// What the file says about itself; empty where the format or the file has nothing to say.
  var metadata: [String: String] { get }

  /// All tensors, in the order of the file.
  var entries: [TensorEntry] { get }

  /// A view of a tensor's elements in the mapped file.
  ///
  /// - Throws: `CheckpointError.noSuchTensor`.
  func tensor(_ name: String) throws -> Tensor
}

/// Opening of checkpoints of any format.
package enum Checkpoint {
  /// Opens a file (its content decides on the format, not its name), the index of a sharded
  /// checkpoint, or the one checkpoint in a folder.
  ///
  /// - Throws: `CheckpointError`.
  package static func open(_ path: String) throws -> any TensorFile {
    let file = try checkpointPath(path)
    guard file.hasSuffix(".json") else { return try openFile(file) }
    return try ShardedCheckpoint(indexPath: file, openShard: openFile)
  }

  /// Opens one file by its content.
  ///
  /// - Throws: `CheckpointError`.
  package static func openFile(_ path: String) throws -> any TensorFile {
    let file = try MappedFile(checkpoint: path)
    return ForeignFormat.isPyTorch(file) ? try PyTorchFile(file) : try SafetensorsFile(file)
  }

  /// The path itself, or that of the one checkpoint in the folder that it names: an index where
  /// there is one, else the only checkpoint file.
  static func checkpointPath(_ path: String) throws -> String {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
    else { return path }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    } catch {
      throw CheckpointError.unreadable(path: path, reason: "the folder cannot be listed")
    }
    for suffixes in [[".index.json"], [".safetensors"], [".pt", ".pth", ".bin"]] {
      let found = names.filter { name in
        !name.hasPrefix(".") && suffixes.contains { name.hasSuffix($0) }
      }
      if found.count == 1 { return "\(path)/\(found[0])" }
      if found.count > 1 {
        throw CheckpointError.noCheckpoint(
          folder: path, found: "\(found.count): \(found.prefix(8).joined(separator: ", "))")
      }
    }
    throw CheckpointError.noCheckpoint(folder: path, found: "none")
  }
}
