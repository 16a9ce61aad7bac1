import CFFmpeg
import Foundation

/// FFmpeg's log, which names the reasons behind its codes and must not reach standard error.
enum FFmpegLog {
  /// Takes over the log of the process, once. Whoever calls FFmpeg touches this first.
  static let capture: Void = {
    cffmpeg_log_capture()
    // A damaged file may ask for any amount of memory; no picture, packet or table needs more.
    av_max_alloc(1 << 30)
  }()

  /// Runs FFmpeg's functions on this thread.
  ///
  /// - Returns: the code of `work`, and where it is negative the first error that was logged
  ///   meanwhile, else FFmpeg's words for the code.
  static func run(_ work: () -> Int32) -> (code: Int32, reason: String) {
    capture
    cffmpeg_log_forget()
    let code = work()
    return (code, code < 0 ? reason(code) : "")
  }

  private static func reason(_ code: Int32) -> String {
    let logged = String(cString: cffmpeg_log_first_error())
      .trimmingCharacters(in: .whitespacesAndNewlines)
    return logged.isEmpty ? FFmpegCode.reason(code) : logged
  }
}
