import Foundation
import TensorCore

/// Writes a safetensors file whose tensors are handed over one at a time, in any order, so that no
/// more than one needs to be in memory.
///
/// The file appears under its name only when `finish` has succeeded: it is written beside, flushed
/// to disk and renamed; a writer that is dropped unfinished removes what it wrote. Equal tensors and
/// metadata give equal bytes: tensors are laid out by element size, largest first, then by name, so
/// that all are aligned without gaps; the data begin at a multiple of 64.
package final class SafetensorsWriter {
  package let path: String

  private let partialPath: String
  private let descriptor: Int32
  private let places: [String: Place]
  private var written: [String: Int] = [:]
  private var isOpen = true

  /// Where a tensor's bytes go.
  private struct Place {
    let entry: TensorEntry
    let offset: Int
  }

  /// Bytes handed to the system in one call.
  private static let chunk = 8 << 20

  /// Creates the file beside its final place, with its header.
  ///
  /// - Parameter entries: every tensor that will be written.
  /// - Throws: `CheckpointError.duplicateTensor`, `.unwritable`, `.diskFull`.
  package init(path: String, entries: [TensorEntry], metadata: [String: String] = [:]) throws {
    self.path = path
    let layout = try SafetensorsLayout(path: path, entries: entries, metadata: metadata)
    places = Dictionary(
      uniqueKeysWithValues: zip(layout.entries, layout.offsets).map {
        ($0.name, Place(entry: $0, offset: $1))
      })
    let url = URL(fileURLWithPath: path)
    let folder = url.deletingLastPathComponent().path
    try Self.checkRoom(for: layout.byteCount, in: folder, path: path)
    partialPath =
      "\(folder)/.\(url.lastPathComponent).\(getpid())-\(UInt32.random(in: 0 ... .max)).partial"
    descriptor = open(partialPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Self.failure(path) }
    do {
      try layout.header.withUnsafeBytes { try write($0, at: 0) }
      // Tensors without elements have nothing to write, and the last byte must exist all the same.
      guard ftruncate(descriptor, off_t(layout.byteCount)) == 0 else { throw Self.failure(path) }
    } catch {
      discard()
      throw error
    }
  }

  deinit { discard() }

  /// Writes a whole tensor; its type and shape must be those declared.
  ///
  /// - Throws: `CheckpointError`, `TensorError.outOfMemory` where a strided tensor cannot be copied.
  package func write(_ tensor: Tensor, to name: String) throws {
    let place = try place(of: name)
    guard tensor.dtype == place.entry.dtype, tensor.shape == place.entry.shape else {
      throw CheckpointError.malformed(
        path: path, tensor: name,
        expected: "\(place.entry.dtype.rawValue) \(place.entry.shape) as declared",
        found: "\(tensor.dtype.rawValue) \(tensor.shape)")
    }
    let source = try tensor.contiguous()
    try withExtendedLifetime(source) {
      try append(
        UnsafeRawBufferPointer(start: source.pointer, count: source.byteCount), to: name)
    }
  }

  /// Writes the next bytes of a tensor, for those that are made piece by piece.
  package func append(_ bytes: UnsafeRawBufferPointer, to name: String) throws {
    let place = try place(of: name)
    let start = written[name, default: 0]
    guard bytes.count <= place.entry.byteCount - start else {
      throw CheckpointError.malformed(
        path: path, tensor: name, expected: "\(place.entry.byteCount) bytes",
        found: "more: \(start + bytes.count)")
    }
    try write(bytes, at: place.offset + start)
    written[name] = start + bytes.count
  }

  /// Completes the file and gives it its name.
  ///
  /// - Throws: `CheckpointError.malformed` where a tensor was not written, `.unwritable`,
  ///   `.diskFull`.
  package func finish() throws {
    for (name, place) in places.sorted(by: { $0.key < $1.key }) {
      let count = written[name, default: 0]
      guard count == place.entry.byteCount else {
        throw CheckpointError.malformed(
          path: path, tensor: name, expected: "\(place.entry.byteCount) bytes written",
          found: "\(count)")
      }
    }
    guard fsync(descriptor) == 0, rename(partialPath, path) == 0 else { throw Self.failure(path) }
    isOpen = false
    close(descriptor)
    try flushFolder()
  }

  // MARK: System calls

  private func place(of name: String) throws -> Place {
    guard isOpen, let place = places[name] else {
      throw CheckpointError.noSuchTensor(path: path, tensor: name)
    }
    return place
  }

  private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    var done = 0
    while done < bytes.count {
      let count = pwrite(
        descriptor, bytes.baseAddress! + done, min(Self.chunk, bytes.count - done),
        off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw Self.failure(path) }
      done += count
    }
  }

  private func discard() {
    guard isOpen else { return }
    isOpen = false
    close(descriptor)
    unlink(partialPath)
  }

  /// Makes the new name last through a crash of the machine.
  private func flushFolder() throws {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard handle >= 0 else { throw Self.failure(path) }
    defer { close(handle) }
    // Some file systems cannot flush a folder (EINVAL); the file itself is on disk.
    guard fsync(handle) == 0 || errno == EINVAL else { throw Self.failure(path) }
  }

  private static func checkRoom(for bytes: Int, in folder: String, path: String) throws {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { throw failure(path) }
    let (available, overflow) = Int(clamping: status.f_bavail).multipliedReportingOverflow(
      by: Int(clamping: status.f_frsize))
    guard overflow || bytes <= available else {
      throw CheckpointError.diskFull(path: path, needed: bytes, available: available)
    }
  }

  private static func failure(_ path: String) -> CheckpointError {
    errno == ENOSPC
      ? .diskFull(path: path, needed: nil, available: nil)
      : .unwritable(path: path, reason: String(cString: strerror(errno)))
  }
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
