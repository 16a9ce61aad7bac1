import OutputFiles
import TensorCore

/// Writes a safetensors file.
///
/// Equal tensors and metadata give equal bytes: tensors are laid out by element size, largest first,
/// then by name, so that all are aligned without gaps; the data begin at a multiple of 64.
package final class SafetensorsWriter: TensorFileWriter {
  package let path: String

  private let body: TensorFileBody

  /// Creates the file beside its final place, with its header.
  ///
  /// - Parameter entries: every tensor that will be written.
  /// - Throws: `CheckpointError.duplicateTensor`, `OutputError`.
  package init(path: String, entries: [TensorEntry], metadata: [String: String] = [:]) throws {
    self.path = path
    let layout = try SafetensorsLayout(path: path, entries: entries, metadata: metadata)
    let file = try AtomicFile(path: path, byteCount: layout.byteCount)
    body = TensorFileBody(file, places: Array(zip(layout.entries, layout.offsets)))
    try body.write(layout.header, at: 0)
  }

  /// Bytes that a file with these tensors will have.
  ///
  /// - Throws: `CheckpointError.duplicateTensor`.
  package static func byteCount(
    path: String, entries: [TensorEntry], metadata: [String: String] = [:]
  ) throws -> Int {
    try SafetensorsLayout(path: path, entries: entries, metadata: metadata).byteCount
  }

  package func entry(_ name: String) throws -> TensorEntry { try body.entry(name) }

  package func append(_ bytes: UnsafeRawBufferPointer, to name: String) throws {
    try body.append(bytes, to: name)
  }

  package func finish() throws { try body.finish() }
}

extension SafetensorsWriter {
  /// Writes tensors that are all in memory.
  package static func write(
    _ tensors: [(name: String, tensor: Tensor)], to path: String, metadata: [String: String] = [:]
  ) throws {
    let entries = tensors.map {
      TensorEntry(name: $0.name, dtype: $0.tensor.dtype, shape: $0.tensor.shape)
    }
    let writer = try SafetensorsWriter(path: path, entries: entries, metadata: metadata)
    for (name, tensor) in tensors { try writer.write(tensor, to: name) }
    try writer.finish()
  }
}
