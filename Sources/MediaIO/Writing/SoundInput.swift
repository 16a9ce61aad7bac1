import CFFmpeg

/// The best sound stream of a media file: its packets, and where they lie in the video that is
/// written.
final class SoundInput {
  let path: String
  let stream: UnsafeMutablePointer<AVStream>

  private let demuxer: Demuxer
  private let packet: UnsafeMutablePointer<AVPacket>
  private let start: Rational
  /// Which time of the sound or of the pictures is that of the first picture, but for `lead`.
  private let origin: (timestamp: Int64, timeBase: AVRational)
  /// Seconds from the first picture to the origin.
  private let lead: Rational

  /// Why reading ended before the file did.
  private(set) var readError: String?

  /// Opens a file.
  ///
  /// - Returns: nil where it has no sound.
  /// - Throws: `MediaError`.
  init?(_ source: SoundSource) throws {
    demuxer = try Demuxer(path: source.path, stop: StopFlag())
    let video = demuxer.streams.contains { $0.isVideo } ? try demuxer.bestVideo() : nil
    let index = av_find_best_stream(
      demuxer.format, AVMEDIA_TYPE_AUDIO, -1, video?.pointee.index ?? -1, nil, 0)
    guard index >= 0, let stream = demuxer.format.pointee.streams[Int(index)],
      let packet = av_packet_alloc()
    else { return nil }
    path = source.path
    start = source.start
    self.stream = stream
    self.packet = packet
    demuxer.select(stream)
    let first = source.offset == nil ? video ?? stream : stream
    let timestamp = first.pointee.start_time
    origin = (timestamp == cffmpeg_no_timestamp() ? 0 : timestamp, first.pointee.time_base)
    lead = source.offset ?? Rational(0)
  }

  deinit {
    var packet: UnsafeMutablePointer<AVPacket>? = packet
    av_packet_free(&packet)
  }

  /// The next packet of the sound, nil at the end. It is valid until the next call.
  func next() -> UnsafeMutablePointer<AVPacket>? {
    do {
      while readError == nil, case .read = try read() {
        if packet.pointee.size > 0 { return packet }
      }
    } catch { readError = "\(error)" }
    return nil
  }

  private func read() throws -> Demuxer.Packet {
    let result = try demuxer.read(packet, of: stream.pointee.index)
    if case .end(let damage) = result { readError = damage }
    return result
  }

  /// Where a time of the stream lies in the video that is written.
  ///
  /// - Parameter rate: samples a second.
  /// - Returns: samples from the first picture; nil where the time is missing or absurd.
  func position(of timestamp: Int64, rate: Int32) -> Int64? {
    guard timestamp != cffmpeg_no_timestamp() else { return nil }
    let sample = AVRational(num: 1, den: rate)
    let time = av_rescale_q(timestamp, stream.pointee.time_base, sample)
    let begin = av_rescale_q(origin.timestamp, origin.timeBase, sample)
    let absurd: Int64 = 1 << 60
    guard abs(time.clamped(to: absurd)) < absurd, abs(begin.clamped(to: absurd)) < absurd
    else { return nil }
    return time - begin + samples(lead, rate) - samples(start, rate)
  }

  private func samples(_ time: Rational, _ rate: Int32) -> Int64 {
    av_rescale(Int64(time.numerator), Int64(rate), Int64(time.denominator))
  }

  /// Where the container says that the sound ends, in seconds of the video; nil where it does not
  /// know.
  var statedEnd: Double? {
    let stream = stream.pointee
    guard stream.duration > 0, stream.start_time != cffmpeg_no_timestamp(),
      demuxer.format.pointee.duration_estimation_method != AVFMT_DURATION_FROM_BITRATE
    else { return nil }
    let (end, overflow) = stream.start_time.addingReportingOverflow(stream.duration)
    let rate: Int32 = 1000
    return overflow ? nil : position(of: end, rate: rate).map { Double($0) / Double(rate) }
  }
}

extension Int64 {
  fileprivate func clamped(to bound: Int64) -> Int64 { Swift.max(-bound, Swift.min(bound, self)) }
}
