import Checkpoints
import TensorCore

/// Tensors under names of our choice, as if a checkpoint held them.
package struct RenamedTensors: TensorFile {
  package let path = "renamed.safetensors"
  package let format = CheckpointFormat.safetensors
  package let metadata: [String: String] = [:]
  package let entries: [TensorEntry]
  private let tensors: [String: Tensor]

  /// - Parameter tensors: their names all differ.
  package init(_ tensors: [(String, Tensor)]) {
    entries = tensors.map { TensorEntry(name: $0.0, dtype: $0.1.dtype, shape: $0.1.shape) }
    self.tensors = Dictionary(uniqueKeysWithValues: tensors)
  }

  /// The tensors of a golden case whose names begin with a prefix, without it.
  package init(_ golden: Golden, prefix: String) throws {
    self.init(
      try golden.names(prefix: prefix).map {
        (String($0.dropFirst(prefix.count)), try golden.tensor($0))
      })
  }

  package func tensor(_ name: String) throws -> Tensor {
    guard let tensor = tensors[name] else {
      throw CheckpointError.noSuchTensor(path: path, tensor: name)
    }
    return tensor
  }
}
