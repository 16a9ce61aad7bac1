import CFFmpeg
import Foundation

/// Opens media files for the parts that read packets.
enum MediaInput {
  /// Opens a file and learns what its streams are.
  ///
  /// - Returns: to be closed with `avformat_close_input`.
  /// - Throws: `MediaError`.
  static func open(path: String) throws -> UnsafeMutablePointer<AVFormatContext> {
    guard access(path, F_OK) == 0 else { throw MediaError.missing(path: path) }
    var context: UnsafeMutablePointer<AVFormatContext>?
    var options: OpaquePointer?
    // A file that names others (a playlist) must not make this machine fetch them.
    av_dict_set(&options, "protocol_whitelist", "file", 0)
    defer { av_dict_free(&options) }
    let opening = FFmpegLog.run { avformat_open_input(&context, "file:" + path, nil, &options) }
    guard opening.code >= 0, let context else {
      throw MediaError.malformed(path: path, expected: "a media file", reason: opening.reason)
    }
    let probing = FFmpegLog.run { avformat_find_stream_info(context, nil) }
    guard probing.code >= 0 else {
      var context: UnsafeMutablePointer<AVFormatContext>? = context
      avformat_close_input(&context)
      throw MediaError.malformed(path: path, expected: "a media file", reason: probing.reason)
    }
    return context
  }
}
