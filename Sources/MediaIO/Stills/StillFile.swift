import CFFmpeg
import Foundation
import TensorCore

/// A picture's file as bytes in memory.
enum StillFile {
  /// No picture within `PictureLimit` needs more.
  private static let limit = 1 << 29

  /// - Throws: `MediaError.missing`, `.unreadable`, `.readFailed`, `.nothingToRead`.
  static func bytes(of path: String) throws -> [UInt8] {
    guard !path.isEmpty, !path.utf8.contains(0) else { throw MediaError.missing(path: path) }
    // O_NONBLOCK: opening a named pipe must not wait for somebody to write into it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { throw MediaError.missing(path: path) }
      throw MediaError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    let size = try size(of: descriptor, path)
    let bytes = try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let result = Foundation.read(descriptor, buffer.baseAddress! + count, size - count)
        if result < 0 && errno == EINTR { continue }
        guard result >= 0 else {
          throw MediaError.readFailed(path: path, reason: String(cString: strerror(errno)))
        }
        if result == 0 { break }
        count += result
      }
    }
    guard !bytes.isEmpty else { throw nothing(path) }
    return bytes
  }

  private static func nothing(_ path: String) -> MediaError {
    .nothingToRead(path: path, expected: "a picture", found: "nothing")
  }

  private static func size(of descriptor: Int32, _ path: String) throws -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw MediaError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      throw MediaError.unreadable(
        path: path, reason: isFolder ? "it is a folder; give a picture" : "it is no regular file")
    }
    let size = Int(status.st_size)
    guard size > 0 else { throw nothing(path) }
    guard size <= limit else {
      throw MediaError.unreadable(
        path: path, reason: "it has \(size) bytes, and no picture needs more than \(limit)")
    }
    return size
  }
}

/// How a file is read, by its first bytes.
enum StillFormat {
  case png
  /// The whole file is one packet of a codec.
  case packet(AVCodecID)
  /// Something that FFmpeg has to look into.
  case other

  init(_ bytes: [UInt8]) {
    func begins(_ text: String, at offset: Int = 0) -> Bool {
      bytes.dropFirst(offset).starts(with: text.utf8)
    }
    if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) {
      self = .png
    } else if bytes.starts(with: [0xff, 0xd8, 0xff]) {
      self = .packet(AV_CODEC_ID_MJPEG)
    } else if begins("RIFF"), begins("WEBP", at: 8) {
      self = .packet(AV_CODEC_ID_WEBP)
    } else if begins("BM") {
      self = .packet(AV_CODEC_ID_BMP)
    } else if begins("II*\0") || begins("MM\0*") {
      self = .packet(AV_CODEC_ID_TIFF)
    } else {
      self = .other
    }
  }
}
