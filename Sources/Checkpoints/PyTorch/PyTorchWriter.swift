import Dispatch
import OutputFiles
import Synchronization
import TensorCore

/// Writes a file that `torch.load(..., weights_only=True)` reads as a dict of tensors by name
/// (.pt, .pth, .bin). Equal tensors in equal order give equal bytes.
package final class PyTorchWriter: TensorFileWriter {
  package let path: String

  private let body: TensorFileBody
  private var layout: ZipLayout
  private var checksums: [String: CRC32] = [:]
  private let entries: [TensorEntry]

  private static let folder = "archive"

  /// Creates the file beside its final place.
  ///
  /// - Parameter entries: every tensor that will be written, in the order of the dict.
  /// - Throws: `CheckpointError.duplicateTensor`, `OutputError`.
  package init(path: String, entries: [TensorEntry]) throws {
    self.path = path
    self.entries = entries
    let parts = try Self.parts(path: path, entries)
    layout = Self.layout(parts, entries)
    let file = try AtomicFile(path: path, byteCount: layout.byteCount)
    let data = layout.entries.dropFirst(parts.count)
    body = TensorFileBody(file, places: zip(entries, data).map { ($0, $1.offset) })
    for (index, part) in parts.enumerated() {
      layout.entries[index].checksum = part.content.withUnsafeBytes(CRC32.of)
      try body.write(part.content, at: layout.entries[index].offset)
    }
  }

  /// Bytes that a file with these tensors will have.
  ///
  /// - Throws: `CheckpointError.duplicateTensor`.
  package static func byteCount(path: String, entries: [TensorEntry]) throws -> Int {
    layout(try parts(path: path, entries), entries).byteCount
  }

  /// What a file has beside tensors: name in the archive and content.
  private static func parts(
    path: String, _ entries: [TensorEntry]
  ) throws -> [(name: String, content: [UInt8])] {
    var names: Set<String> = []
    var pickle = PickleWriter()
    for (key, entry) in entries.enumerated() {
      guard names.insert(entry.name).inserted else {
        throw CheckpointError.duplicateTensor(path: path, tensor: entry.name)
      }
      pickle.add(entry, key: key)
    }
    pickle.finish()
    return [
      ("\(folder)/data.pkl", pickle.bytes), ("\(folder)/byteorder", Array("little".utf8)),
      ("\(folder)/version", Array("3\n".utf8)),
    ]
  }

  private static func layout(
    _ parts: [(name: String, content: [UInt8])], _ entries: [TensorEntry]
  ) -> ZipLayout {
    ZipLayout(
      parts.map { ZipLayout.Entry(name: $0.name, byteCount: $0.content.count) }
        + entries.enumerated().map { key, entry in
          ZipLayout.Entry(name: "\(folder)/data/\(key)", byteCount: entry.byteCount)
        })
  }

  package func entry(_ name: String) throws -> TensorEntry { try body.entry(name) }

  package func append(_ bytes: UnsafeRawBufferPointer, to name: String) throws {
    guard bytes.count >= Self.leastSplit else {
      try body.append(bytes, to: name)
      checksums[name, default: CRC32()].update(bytes)
      return
    }
    // The checksum takes as long as the disk: both at once.
    nonisolated(unsafe) let source = bytes
    let checksum = Mutex(checksums[name] ?? CRC32())
    let done = DispatchGroup()
    DispatchQueue.global().async(group: done) {
      checksum.withLock { $0.update(source) }
    }
    defer { done.wait() }
    try body.append(bytes, to: name)
    done.wait()
    checksums[name] = checksum.withLock { $0 }
  }

  /// Bytes from which on a second thread is worth waking.
  private static let leastSplit = 1 << 20

  package func finish() throws {
    try body.requireComplete()
    let first = layout.entries.count - entries.count
    for (index, entry) in entries.enumerated() {
      layout.entries[first + index].checksum = checksums[entry.name, default: CRC32()].value
    }
    for index in layout.entries.indices {
      let header = layout.localHeader(index)
      try body.write(header.bytes, at: header.offset)
    }
    let directory = layout.directory()
    try body.write(directory.bytes, at: directory.offset)
    try body.finish()
  }
}

extension PyTorchWriter {
  /// Writes tensors that are all in memory.
  package static func write(
    _ tensors: [(name: String, tensor: Tensor)], to path: String
  ) throws {
    let entries = tensors.map {
      TensorEntry(name: $0.name, dtype: $0.tensor.dtype, shape: $0.tensor.shape)
    }
    let writer = try PyTorchWriter(path: path, entries: entries)
    for (name, tensor) in tensors { try writer.write(tensor, to: name) }
    try writer.finish()
  }
}
