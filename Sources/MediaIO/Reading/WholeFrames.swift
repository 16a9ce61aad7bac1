import CFFmpeg

/// The frames of a video without fields: decoded, and deinterlaced from the first frame on that
/// needs it.
final class WholeFrames {
  /// Whether frames of two fields were met.
  private(set) var isInterlaced = false

  let decoder: VideoDecoder
  private var decoded: UnsafeMutablePointer<AVFrame>?
  private var deinterlacer: Deinterlacer?
  private var isFinished = false
  /// A decoded frame waits until the filters for other frames are empty.
  private var holdsFrame = false

  init(decoder: VideoDecoder) {
    self.decoder = decoder
    decoded = av_frame_alloc()
  }

  deinit { av_frame_free(&decoded) }

  /// Fetches the next frame.
  ///
  /// - Returns: its timestamp in seconds, which may be missing; nil at the end.
  /// - Throws: `MediaError.readFailed`, `.cancelled`.
  func next(into frame: UnsafeMutablePointer<AVFrame>) throws -> Timestamp? {
    guard let decoded else { return nil }
    av_frame_unref(frame)
    while true {
      if let timeBase = deinterlacer?.receive(into: frame) {
        return Timestamp(frame.pointee.pts, timeBase)
      }
      if isFinished && !holdsFrame { return nil }
      if holdsFrame { deinterlacer = nil }
      if try !holdsFrame && !decoder.next(into: decoded) {
        isFinished = true
        guard let deinterlacer else { return nil }
        deinterlacer.send(nil)
        continue
      }
      holdsFrame = false
      if try route(decoded, to: frame) {
        return Timestamp(frame.pointee.pts, decoder.stream.pointee.time_base)
      }
    }
  }

  /// Sends a decoded frame through the filters, or straight on where it needs none.
  ///
  /// - Returns: whether `frame` has it.
  private func route(
    _ decoded: UnsafeMutablePointer<AVFrame>, to frame: UnsafeMutablePointer<AVFrame>
  ) throws -> Bool {
    decoded.pointee.pts = decoded.pointee.best_effort_timestamp
    if let deinterlacer, !deinterlacer.accepts(decoded) {
      deinterlacer.send(nil)
      holdsFrame = true
      return false
    }
    if deinterlacer == nil && cffmpeg_frame_is_interlaced(decoded) {
      isInterlaced = true
      deinterlacer = Deinterlacer(like: decoded, timeBase: decoder.stream.pointee.time_base)
    }
    if let deinterlacer {
      deinterlacer.send(decoded)
      return false
    }
    av_frame_move_ref(frame, decoded)
    return true
  }

  struct Timestamp {
    /// nil where the container has none.
    let seconds: Double?
    let ticks: Int64
    let timeBase: AVRational

    init(_ ticks: Int64, _ timeBase: AVRational) {
      self.ticks = ticks
      self.timeBase = timeBase
      seconds =
        ticks == cffmpeg_no_timestamp() ? nil : Double(ticks) * av_q2d(timeBase)
    }
  }
}
