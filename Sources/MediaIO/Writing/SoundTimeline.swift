import CFFmpeg

/// Sound without gaps: frames are put where their times say, with silence between them, and given
/// out in blocks of any size. Silence is made as it is taken, however long it is.
final class SoundTimeline {
  /// The place of the next sample that is taken.
  private(set) var position: Int64 = 0

  /// Frames that lie wholly before what was there already.
  private(set) var backwardFrameCount = 0

  private let format: SoundConversion.Format
  private let block: UnsafeMutablePointer<AVFrame>
  private let queue: OpaquePointer
  private var silence: Int64 = 0
  /// What comes after the silence, and how much of its beginning is left out.
  private let waiting: UnsafeMutablePointer<AVFrame>
  private var waitingStart: Int64 = 0
  /// Whether the next frame is put exactly where its time says, for nothing leads up to it.
  private var isExact = true
  private var hasBegun = false
  private let zeros: UnsafeMutablePointer<Float>

  /// Samples of silence that are made at once.
  private static let silenceBlock: Int64 = 1024

  /// - Returns: nil where memory is exhausted.
  init?(format: SoundConversion.Format) {
    self.format = format
    guard let block = av_frame_alloc(), let waiting = av_frame_alloc(),
      let queue = av_audio_fifo_alloc(
        AV_SAMPLE_FMT_FLTP, format.channelCount, Int32(Self.silenceBlock))
    else { return nil }
    self.block = block
    self.waiting = waiting
    self.queue = queue
    zeros = .allocate(capacity: Int(Self.silenceBlock))
    zeros.initialize(repeating: 0, count: Int(Self.silenceBlock))
  }

  deinit {
    zeros.deallocate()
    av_audio_fifo_free(queue)
    for frame in [block, waiting] {
      var frame: UnsafeMutablePointer<AVFrame>? = frame
      av_frame_free(&frame)
    }
  }

  /// Samples that can be taken.
  var available: Int64 { queued + silence + waitingCount }

  private var queued: Int64 { Int64(av_audio_fifo_size(queue)) }
  private var waitingCount: Int64 { Int64(waiting.pointee.nb_samples) - waitingStart }

  /// Puts a frame at its place and leaves it empty. The one before has been taken, but for less
  /// than a block.
  ///
  /// - Parameter place: of its first sample; nil for right behind the last.
  func append(_ frame: UnsafeMutablePointer<AVFrame>, at place: Int64?) {
    fill(to: available)
    let end = position + queued
    // Small differences to what the sound before makes expected are jitter of the container.
    let jitter = isExact ? 0 : Int64(format.rate / CopiedSound.jitter)
    let shift = (place ?? end) - end
    let surplus = shift < -jitter ? -shift : 0
    guard surplus < frame.pointee.nb_samples else {
      if hasBegun { backwardFrameCount += 1 }
      isExact = true
      av_frame_unref(frame)
      return
    }
    isExact = false
    hasBegun = true
    silence = shift > jitter ? shift : 0
    av_frame_unref(waiting)
    av_frame_move_ref(waiting, frame)
    waitingStart = surplus
  }

  /// Takes the next samples: as many as are asked for, or what is left.
  ///
  /// - Returns: planar float32, valid until the next call; nil where memory is exhausted.
  func take(_ count: Int64) -> UnsafeMutablePointer<AVFrame>? {
    fill(to: count)
    av_frame_unref(block)
    block.pointee.nb_samples = Int32(min(count, queued))
    block.pointee.format = AV_SAMPLE_FMT_FLTP.rawValue
    block.pointee.sample_rate = format.rate
    guard av_channel_layout_from_string(&block.pointee.ch_layout, format.layout) >= 0,
      block.pointee.nb_samples > 0, av_frame_get_buffer(block, 0) >= 0
    else { return nil }
    withPlanes(of: block, from: 0) { _ = av_audio_fifo_read(queue, $0, block.pointee.nb_samples) }
    block.pointee.pts = position
    position += Int64(block.pointee.nb_samples)
    return block
  }

  /// Moves silence and then the waiting frame into the queue.
  private func fill(to count: Int64) {
    while queued < count && silence > 0 {
      let step = min(silence, Self.silenceBlock, count - queued)
      var planes = [UnsafeMutableRawPointer?](
        repeating: UnsafeMutableRawPointer(zeros), count: Int(format.channelCount))
      av_audio_fifo_write(queue, &planes, Int32(step))
      silence -= step
    }
    if queued < count && waitingCount > 0 {
      withPlanes(of: waiting, from: waitingStart) {
        _ = av_audio_fifo_write(queue, $0, Int32(waitingCount))
      }
      av_frame_unref(waiting)
      waitingStart = 0
    }
  }

  /// The addresses of a frame's channels, some samples in.
  private func withPlanes(
    of frame: UnsafeMutablePointer<AVFrame>, from start: Int64,
    _ body: (UnsafeMutablePointer<UnsafeMutableRawPointer?>) -> Void
  ) {
    var planes = (0..<Int(format.channelCount)).map { channel in
      frame.pointee.extended_data[channel].map {
        UnsafeMutableRawPointer($0) + Int(start) * MemoryLayout<Float>.size
      }
    }
    body(&planes)
  }
}
