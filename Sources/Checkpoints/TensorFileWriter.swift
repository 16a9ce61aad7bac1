import OutputFiles
import TensorCore

/// Writes a checkpoint whose tensors are handed over one at a time, in any order, so that no more
/// than one needs to be in memory. The file appears when `finish` has succeeded.
package protocol TensorFileWriter: AnyObject {
  var path: String { get }

  /// A tensor as it was declared.
  ///
  /// - Throws: `CheckpointError.noSuchTensor`.
  func entry(_ name: String) throws -> TensorEntry

  /// Writes the next bytes of a tensor, for those that are made piece by piece.
  ///
  /// - Throws: `CheckpointError`.
  func append(_ bytes: UnsafeRawBufferPointer, to name: String) throws

  /// Completes the file and gives it its name.
  ///
  /// - Throws: `CheckpointError.malformed` where a tensor was not written, `OutputError`.
  func finish() throws
}

extension TensorFileWriter {
  /// Writes a whole tensor; its type and shape must be those declared.
  ///
  /// - Throws: `CheckpointError`, `TensorError.outOfMemory` where a strided tensor cannot be copied.
  package func write(_ tensor: Tensor, to name: String) throws {
    let entry = try entry(name)
    guard tensor.dtype == entry.dtype, tensor.shape == entry.shape else {
      throw CheckpointError.malformed(
        path: path, tensor: name,
        expected: "\(entry.dtype.rawValue) \(entry.shape) as declared",
        found: "\(tensor.dtype.rawValue) \(tensor.shape)")
    }
    let source = try tensor.contiguous()
    try withExtendedLifetime(source) {
      try append(
        UnsafeRawBufferPointer(start: source.pointer, count: source.byteCount), to: name)
    }
  }
}

/// The places of tensors in a file being written, and how much of each is there.
final class TensorFileBody {
  private let file: AtomicFile
  private let places: [String: Place]
  private var written: [String: Int] = [:]
  private var isOpen = true

  private struct Place {
    let entry: TensorEntry
    let offset: Int
  }

  /// - Parameter places: every tensor, names being unique, and where its bytes go.
  init(_ file: AtomicFile, places: [(entry: TensorEntry, offset: Int)]) {
    self.file = file
    self.places = Dictionary(
      uniqueKeysWithValues: places.map {
        ($0.entry.name, Place(entry: $0.entry, offset: $0.offset))
      })
  }

  func entry(_ name: String) throws -> TensorEntry { try place(name).entry }

  func append(_ bytes: UnsafeRawBufferPointer, to name: String) throws {
    let place = try place(name)
    let start = written[name, default: 0]
    guard bytes.count <= place.entry.byteCount - start else {
      throw CheckpointError.malformed(
        path: file.path, tensor: name, expected: "\(place.entry.byteCount) bytes",
        found: "more: \(start + bytes.count)")
    }
    try file.write(bytes, at: place.offset + start)
    written[name] = start + bytes.count
  }

  /// Writes what is no tensor.
  func write(_ bytes: [UInt8], at offset: Int) throws {
    try bytes.withUnsafeBytes { try file.write($0, at: offset) }
  }

  /// - Throws: `CheckpointError.malformed` where a tensor is not whole.
  func requireComplete() throws {
    for (name, place) in places.sorted(by: { $0.key < $1.key }) {
      let count = written[name, default: 0]
      guard count == place.entry.byteCount else {
        throw CheckpointError.malformed(
          path: file.path, tensor: name, expected: "\(place.entry.byteCount) bytes written",
          found: "\(count)")
      }
    }
  }

  func finish() throws {
    try requireComplete()
    try file.finish()
    isOpen = false
  }

  private func place(_ name: String) throws -> Place {
    guard isOpen, let place = places[name] else {
      throw CheckpointError.noSuchTensor(path: file.path, tensor: name)
    }
    return place
  }
}
