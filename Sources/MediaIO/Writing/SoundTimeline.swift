import CFFmpeg

/// Sound without gaps: frames are put where their times say, with silence between them, and given
/// out in blocks of any size. Silence is made as it is taken, however long it is.
final class SoundTimeline {
  /// The place of the next sample that is taken.
  private(set) var position: Int64 = 0

  /// Samples of frames that lie wholly or in part before what was there already.
  private(set) var droppedFrameCount = 0

  private let format: SoundConversion.Format
  private let block: UnsafeMutablePointer<AVFrame>
  private let queue: OpaquePointer
  private var silence: Int64 = 0
  /// What comes after the silence.
  private let waiting: UnsafeMutablePointer<AVFrame>
  private var isFirst = true

  /// - Returns: nil where memory is exhausted.
  init?(format: SoundConversion.Format, blockSize: Int) {
    self.format = format
    guard let block = av_frame_alloc(), let waiting = av_frame_alloc(),
      let queue = av_audio_fifo_alloc(AV_SAMPLE_FMT_FLTP, format.channelCount, Int32(blockSize))
    else { return nil }
    self.block = block
    self.waiting = waiting
    self.queue = queue
  }

  deinit {
    av_audio_fifo_free(queue)
    for frame in [block, waiting] {
      var frame: UnsafeMutablePointer<AVFrame>? = frame
      av_frame_free(&frame)
    }
  }

  /// Samples that can be taken.
  var available: Int64 {
    Int64(av_audio_fifo_size(queue)) + silence + Int64(waiting.pointee.nb_samples)
  }

  /// Puts a frame at its place; it is empty afterwards. All silence was taken before.
  ///
  /// - Parameter place: of its first sample; nil for right behind the last.
  func append(_ frame: UnsafeMutablePointer<AVFrame>, at place: Int64?) {
    let end = position + available
    // The first sample is put exactly; later on, small differences are jitter.
    let jitter = isFirst ? 0 : Int64(format.rate / CopiedSound.jitter)
    isFirst = false
    let shift = (place ?? end) - end
    if shift > jitter {
      silence = shift
    } else if shift < -jitter {
      guard drop(-shift, of: frame) else { return }
    }
    av_frame_move_ref(waiting, frame)
    advance(to: 0)
  }
}
