import Foundation

/// Writes of large files that go past the system's file cache: they reach the speed of the disk,
/// and push nothing else out of memory.
///
/// The system asks for whole blocks from aligned memory; what lies around them is left to the caller.
final class UncachedWriter {
  private let descriptor: Int32
  private let buffer: UnsafeMutableRawPointer
  private var works = true

  /// Files that are smaller are better off in the cache: they are likely to be read next.
  static let leastFile = 64 << 20

  /// Linux's `O_DIRECT`, which the C library declares for its own extensions only.
  private static var directFlag: Int32? {
    #if os(Linux) && arch(x86_64)
      0o40000
    #elseif os(Linux) && arch(arm64)
      0o200000
    #else
      nil
    #endif
  }

  private static let leastWrite = 1 << 20
  private static let block = 4096
  private static let chunk = 8 << 20

  /// - Returns: nil where the file system has no such writes.
  init?(path: String) {
    guard let flag = Self.directFlag else { return nil }
    descriptor = open(path, O_WRONLY | flag | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    buffer = .allocate(byteCount: Self.chunk, alignment: Self.block)
  }

  deinit {
    buffer.deallocate()
    close(descriptor)
  }

  /// Writes the whole blocks among some bytes.
  ///
  /// - Parameter offset: of the first byte in the file.
  /// - Returns: which of the bytes are written; the caller writes the others.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Range<Int> {
    let first = (Self.block - offset % Self.block) % Self.block
    guard works, bytes.count >= Self.leastWrite, let base = bytes.baseAddress else { return 0..<0 }
    let end = bytes.count - (offset + bytes.count) % Self.block
    var done = first
    while done < end {
      let count = min(Self.chunk, end - done)
      buffer.copyMemory(from: base + done, byteCount: count)
      let written = pwrite(descriptor, buffer, count, off_t(offset + done))
      if written < 0 && errno == EINTR { continue }
      // Ordinary writes go on from here, and say what is wrong if they fail too.
      guard written > 0, written % Self.block == 0 else {
        works = false
        break
      }
      done += written
    }
    return first..<done
  }
}
