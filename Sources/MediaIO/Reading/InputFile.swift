import CFFmpeg
import Foundation

/// One regular file as FFmpeg reads it: this file and no other, whatever its content asks for.
final class InputFile {
  /// For `AVFormatContext.pb`; valid while this lives.
  private(set) var context: UnsafeMutablePointer<AVIOContext>?

  /// What the system said when reading failed; nil where it did not.
  private(set) var failure: String?

  private let descriptor: Int32
  private let stop: StopFlag
  private static let bufferSize: Int32 = 1 << 16

  /// - Throws: `MediaError.missing`, `.unreadable`, `.nothingToRead` for an empty file.
  init(path: String, stop: StopFlag) throws {
    descriptor = try Self.open(path)
    self.stop = stop
    let buffer = av_malloc(Int(Self.bufferSize))?.assumingMemoryBound(to: UInt8.self)
    context = avio_alloc_context(
      buffer, Self.bufferSize, 0, Unmanaged.passUnretained(self).toOpaque(),
      { opaque, bytes, count in InputFile.from(opaque).read(bytes, count) }, nil,
      { opaque, offset, origin in InputFile.from(opaque).seek(offset, origin) })
    guard context != nil else {
      av_free(buffer)
      throw MediaError.unreadable(path: path, reason: "out of memory")
    }
  }

  deinit {
    // FFmpeg may have replaced the buffer by another.
    if let context { av_free(context.pointee.buffer) }
    avio_context_free(&context)
    close(descriptor)
  }

  /// Checks that a path names a file that can be read more than once, and opens it.
  private static func open(_ path: String) throws -> Int32 {
    guard !path.isEmpty, !path.utf8.contains(0) else { throw MediaError.missing(path: path) }
    // O_NONBLOCK: opening a named pipe must not wait for somebody to write into it.
    let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { throw MediaError.missing(path: path) }
      throw MediaError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    do {
      try checkKind(of: descriptor, path)
      return descriptor
    } catch {
      close(descriptor)
      throw error
    }
  }

  private static func checkKind(of descriptor: Int32, _ path: String) throws {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw MediaError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      guard status.st_size > 0 else {
        throw MediaError.nothingToRead(path: path, expected: "a video", found: "nothing")
      }
    case S_IFDIR:
      throw MediaError.unreadable(
        path: path,
        reason: "it is a folder; give a video, or pictures by a pattern such as "
          + "'\(path)/%04d.png'")
    default:
      throw MediaError.unreadable(
        path: path, reason: "a video is read more than once: save it to a file first")
    }
  }

  private static func from(_ opaque: UnsafeMutableRawPointer?) -> InputFile {
    Unmanaged<InputFile>.fromOpaque(opaque!).takeUnretainedValue()
  }

  private func read(_ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int32) -> Int32 {
    if stop.isSet { return cffmpeg_stopped() }
    while true {
      let result = Foundation.read(descriptor, bytes, Int(count))
      if result > 0 { return Int32(result) }
      if result == 0 { return FFmpegCode.endOfFile }
      let number = errno
      if number == EINTR { continue }
      failure = String(cString: strerror(number))
      return cffmpeg_error(number)
    }
  }

  private func seek(_ offset: Int64, _ origin: Int32) -> Int64 {
    if origin & AVSEEK_SIZE != 0 {
      var status = stat()
      return fstat(descriptor, &status) == 0 ? Int64(status.st_size) : -1
    }
    // FFmpeg adds this flag to say that the seek may be slow.
    let place = lseek(descriptor, off_t(offset), origin & ~AVSEEK_FORCE)
    return place >= 0 ? Int64(place) : Int64(cffmpeg_error(errno))
  }
}
