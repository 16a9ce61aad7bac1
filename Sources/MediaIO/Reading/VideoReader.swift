import Foundation
import Imaging
import Synchronization

/// Reads a video's pictures once, in order, at a constant rate; opening it again reads it again.
///
/// Any container and codec of the installed FFmpeg. Pictures are upright (the display matrix's turns
/// and mirrorings), of square pixels, of the first frame's size, whole (fields are deinterlaced),
/// 8-bit (more bits are rounded; PQ, HLG and BT.2020 are brought to BT.709, see `ToneMapper`) and
/// without alpha. The rate is that of the frames where it is constant, else as
/// `ConstantFrameRate` says; frames are repeated and dropped as `FrameTimeline` says, so that sound
/// stays in step. At another rate that is asked for, the frames of that grid are shown as
/// `FrameResampling` says.
///
/// A thread of its own decodes a few frames ahead. Frames do not depend on it or on the machine's
/// cores, and memory does not depend on the video's length.
package final class VideoReader: Sendable {
  package let information: VideoInformation

  private let queue: FrameQueue
  private let stop = StopFlag()
  private let latestDamage: Mutex<VideoDamage>

  /// Bytes of frames that may wait.
  private static let queueBytes = 256 << 20
  private static let longestQueue = 3

  /// Opens a video and decodes its first frame.
  ///
  /// - Parameters:
  ///   - path: a regular file, or numbered pictures by a pattern ("frames/%04d.png", 25 a second).
  ///     No other file is opened, whatever it refers to.
  ///   - order: of the channels.
  ///   - frameRate: at which the video is read; nil for its own.
  /// - Throws: `MediaError` for what is missing, unreadable, no video, damaged from the start,
  ///   unknown to FFmpeg, or too large, and for a rate that is not possible.
  package init(path: String, order: PixelOrder, frameRate: Rational? = nil) throws {
    if let frameRate, !ConstantFrameRate.accepts(frameRate) {
      throw MediaError.frameRate(frameRate, path: path)
    }
    let video = ResampledVideo(
      try SequentialVideo(path: path, order: order, stop: stop), rate: frameRate)
    information = video.information
    latestDamage = Mutex(video.damage)
    let frameBytes = information.rows * information.columns * 3
    queue = FrameQueue(limit: max(min(Self.queueBytes / frameBytes, Self.longestQueue), 1))
    let queue = queue
    let thread = Thread { Self.produce(video, queue) }
    thread.name = "video reader"
    thread.start()
  }

  deinit {
    stop.set()
    queue.abandon()
  }

  /// What was wrong with the video up to the frame that was read last; complete after the end.
  package var damage: VideoDamage { latestDamage.withLock { $0 } }

  /// Reads the next picture.
  ///
  /// - Returns: nil after the last one.
  /// - Throws: `MediaError.readFailed`, `.unsupported`, `.cancelled`; `TensorError.outOfMemory`.
  package func next() throws -> VideoFrame? {
    guard let entry = try queue.take() else { return nil }
    latestDamage.withLock { $0 = entry.damage }
    return entry.frame
  }

  /// Stops reading: the next call of `next`, also one that waits, throws `MediaError.cancelled`
  /// once the frames that are ready have been taken.
  package func cancel() { stop.set() }

  private static func produce(_ video: ResampledVideo, _ queue: FrameQueue) {
    do {
      while let frame = try video.next() {
        guard queue.put(.init(frame: frame, damage: video.damage)) else { return queue.finish() }
      }
      _ = queue.put(.init(frame: nil, damage: video.damage))
      queue.finish()
    } catch { queue.finish(error) }
  }
}
