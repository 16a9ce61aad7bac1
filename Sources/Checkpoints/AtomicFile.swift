import Foundation

/// A file that appears under its name only when it is whole: it is written beside, flushed to disk
/// and renamed; one that is dropped unfinished is removed.
final class AtomicFile {
  let path: String

  private let partialPath: String
  private let descriptor: Int32
  private var isOpen = true

  /// Bytes handed to the system in one call.
  private static let chunk = 8 << 20

  /// Creates the partial file.
  ///
  /// - Parameter byteCount: its final size, which the disk must have room for; bytes that are not
  ///   written are zero.
  /// - Throws: `CheckpointError.unwritable`, `.diskFull`.
  init(path: String, byteCount: Int) throws {
    self.path = path
    let url = URL(fileURLWithPath: path)
    let folder = url.deletingLastPathComponent().path
    try Self.checkRoom(for: byteCount, in: folder, path: path)
    partialPath =
      "\(folder)/.\(url.lastPathComponent).\(getpid())-\(UInt32.random(in: 0 ... .max)).partial"
    descriptor = open(partialPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Self.failure(path) }
    guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
      let error = Self.failure(path)
      discard()
      throw error
    }
  }

  deinit { discard() }

  /// Writes bytes at a place of the file.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    precondition(isOpen, "written after it was finished")
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

  /// Flushes the file to disk and gives it its name.
  func finish() throws {
    guard fsync(descriptor) == 0, rename(partialPath, path) == 0 else { throw Self.failure(path) }
    isOpen = false
    close(descriptor)
    try flushFolder()
  }

  /// Removes what was written, unless the file is finished.
  func discard() {
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
