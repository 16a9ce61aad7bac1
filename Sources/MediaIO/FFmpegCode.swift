import CFFmpeg
import Foundation

/// Codes that FFmpeg's functions return.
enum FFmpegCode {
  /// Nothing more will come.
  static let endOfFile = cffmpeg_end_of_file()

  /// Nothing can come before something else is done.
  static let again = cffmpeg_error(EAGAIN)

  static let outOfMemory = cffmpeg_error(ENOMEM)

  /// FFmpeg's words for a code.
  static func reason(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
      av_strerror(code, text.baseAddress, text.count)
      return String(cString: text.baseAddress!)
    }
  }
}
