import CFFmpeg
import Foundation

/// SHA-256 (FIPS 180-4), by which contents of files are told apart.
package enum FileDigest {
  /// Bytes that are read at once.
  private static let chunk = 1 << 20

  /// The digest of a file's content, in 64 hexadecimal digits; memory does not grow with the file.
  ///
  /// - Throws: `MediaError.missing`, `.unreadable`, `.readFailed`.
  package static func sha256(ofFile path: String) throws -> String {
    guard !path.isEmpty, !path.utf8.contains(0) else { throw MediaError.missing(path: path) }
    // O_NONBLOCK: opening a named pipe must not wait for somebody to write into it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { throw MediaError.missing(path: path) }
      throw MediaError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw MediaError.unreadable(path: path, reason: "it is no regular file")
    }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 64)
    defer { buffer.deallocate() }
    let hash = Hash()
    while true {
      let count = read(descriptor, buffer.baseAddress, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw MediaError.readFailed(path: path, reason: String(cString: strerror(errno)))
      }
      if count == 0 { return hash.finish() }
      hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }

  /// The digest of bytes in memory, in 64 hexadecimal digits.
  package static func sha256(of bytes: some ContiguousBytes) -> String {
    let hash = Hash()
    bytes.withUnsafeBytes { hash.update($0) }
    return hash.finish()
  }

  /// A digest in the making.
  private final class Hash {
    private let state: OpaquePointer

    init() {
      guard let state = av_sha_alloc() else { preconditionFailure("no memory for 200 bytes") }
      self.state = state
      av_sha_init(state, 256)
    }

    deinit { av_free(UnsafeMutableRawPointer(state)) }

    func update(_ bytes: UnsafeRawBufferPointer) {
      guard let start = bytes.baseAddress else { return }
      av_sha_update(state, start.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    func finish() -> String {
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { digest in
        av_sha_final(state, digest.baseAddress)
        return digest.map { String(format: "%02x", $0) }.joined()
      }
    }
  }
}
