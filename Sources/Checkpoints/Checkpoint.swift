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
