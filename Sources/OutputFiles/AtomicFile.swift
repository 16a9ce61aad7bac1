import Foundation

/// A file that appears under its name only when it is whole: it is written beside, flushed to disk
/// and renamed; one that is dropped unfinished is removed.
package final class AtomicFile {
  package let path: String

  /// Where the file lies until it is finished, for libraries that write files by themselves.
  package let partialPath: String

  private let descriptor: Int32
  private var uncached: UncachedWriter?
  private var isOpen = true

  /// Bytes handed to the system in one call.
  private static let chunk = 8 << 20

  /// Creates the partial file, empty.
  ///
  /// - Throws: `OutputError`, also where a folder, a device or a pipe has the name: renaming a file to
  ///   it would replace it.
  package init(path: String) throws {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      if status.st_mode & S_IFMT == S_IFDIR { throw OutputError(path: path, code: EISDIR) }
      throw OutputError.unwritable(path: path, reason: "not a regular file")
    }
    self.path = path
    let url = URL(fileURLWithPath: path)
    let folder = url.deletingLastPathComponent().path
    partialPath =
      "\(folder)/.\(url.lastPathComponent).\(getpid())-\(UInt32.random(in: 0 ... .max)).partial"
    descriptor = open(partialPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw OutputError(path: path, code: errno) }
    // Tells others that its writer lives; a file system without locks does without.
    _ = flock(descriptor, LOCK_EX | LOCK_NB)
  }

  /// Creates the partial file with its final size, which the disk must have room for; bytes that
  /// are not written are zero.
  ///
  /// - Throws: `OutputError`.
  package convenience init(path: String, byteCount: Int) throws {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let available = try DiskSpace.available(in: folder)
    guard byteCount <= available else {
      throw OutputError.diskFull(path: path, needed: byteCount, available: available)
    }
    try self.init(path: path)
    if byteCount >= UncachedWriter.leastFile { uncached = UncachedWriter(path: partialPath) }
    guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
      throw OutputError(path: path, code: errno)
    }
  }

  deinit { discard() }

  /// Writes a small file whole.
  ///
  /// - Throws: `OutputError.unwritable`, `.diskFull`.
  package static func write(_ data: Data, to path: String) throws {
    let file = try AtomicFile(path: path, byteCount: data.count)
    try data.withUnsafeBytes { try file.write($0, at: 0) }
    try file.finish()
  }

  /// Removes from a folder the partial files whose writers were killed; those that are still being
  /// written stay.
  ///
  /// - Parameter target: the only file whose partial ones are removed, by its name; nil for any.
  /// - Throws: `OutputError.unwritable`.
  package static func removeAbandoned(in folder: String, of target: String? = nil) throws {
    for name in try OutputFolder.names(in: folder) {
      guard let found = Self.target(ofPartial: name), found == target ?? found else { continue }
      let handle = open("\(folder)/\(name)", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      guard handle >= 0 else { continue }
      defer { close(handle) }
      if flock(handle, LOCK_EX | LOCK_NB) == 0 { unlink("\(folder)/\(name)") }
    }
  }

  /// Whether a file has the name of a partial one.
  package static func isPartial(_ name: String) -> Bool { target(ofPartial: name) != nil }

  /// The name that a partial file is to have; nil for the name of another file.
  private static func target(ofPartial name: String) -> String? {
    // A name may hold any character, also the end of a line.
    (name.wholeMatch(of: /(?s)\.(.+)\.\d+-\d+\.partial/)?.1).map(String.init)
  }

  /// Writes bytes at a place of the file.
  ///
  /// - Throws: `OutputError`.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    precondition(isOpen, "written after it was finished")
    let done = uncached?.write(bytes, at: offset) ?? 0..<0
    try writeCached(UnsafeRawBufferPointer(rebasing: bytes[..<done.lowerBound]), at: offset)
    try writeCached(
      UnsafeRawBufferPointer(rebasing: bytes[done.upperBound...]), at: offset + done.upperBound)
  }

  private func writeCached(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    var done = 0
    while done < bytes.count {
      let count = pwrite(
        descriptor, bytes.baseAddress! + done, min(Self.chunk, bytes.count - done),
        off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw OutputError(path: path, code: errno) }
      done += count
    }
  }

  /// Flushes the file to disk and gives it its name.
  ///
  /// - Throws: `OutputError`.
  package func finish() throws {
    guard fsync(descriptor) == 0, rename(partialPath, path) == 0 else {
      throw OutputError(path: path, code: errno)
    }
    isOpen = false
    close(descriptor)
    try flushFolder()
  }

  /// Removes what was written, unless the file is finished.
  package func discard() {
    guard isOpen else { return }
    isOpen = false
    close(descriptor)
    unlink(partialPath)
  }

  /// Makes the new name last through a crash of the machine.
  private func flushFolder() throws {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard handle >= 0 else { throw OutputError(path: path, code: errno) }
    defer { close(handle) }
    // Some file systems cannot flush a folder (EINVAL); the file itself is on disk.
    guard fsync(handle) == 0 || errno == EINVAL else { throw OutputError(path: path, code: errno) }
  }
}
