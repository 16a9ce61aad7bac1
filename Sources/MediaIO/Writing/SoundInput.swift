import CFFmpeg

/// The best sound stream of a media file: its packets, and where they lie in the video that is
/// written.
final class SoundInput {
  let path: String
  let stream: UnsafeMutablePointer<AVStream>

  private let context: UnsafeMutablePointer<AVFormatContext>
  private let packet: UnsafeMutablePointer<AVPacket>
  private let start: Rational
  /// When the source's pictures begin, or its sound where it has none.
  private let origin: (timestamp: Int64, timeBase: AVRational)

  /// Why reading ended before the file did: an FFmpeg code.
  private(set) var readError: Int32?

  /// Opens a file.
  ///
  /// - Returns: nil where it has no sound.
  /// - Throws: `MediaError`.
  static func open(_ source: SoundSource) throws -> SoundInput? {
    let context = try MediaInput.open(path: source.path)
    let index = av_find_best_stream(
      context, AVMEDIA_TYPE_AUDIO, -1, videoStream(of: context), nil, 0)
    guard index >= 0, let stream = context.pointee.streams[Int(index)],
      let packet = av_packet_alloc()
    else {
      var context: UnsafeMutablePointer<AVFormatContext>? = context
      avformat_close_input(&context)
      return nil
    }
    return SoundInput(source: source, context: context, stream: stream, packet: packet)
  }

  private init(
    source: SoundSource, context: UnsafeMutablePointer<AVFormatContext>,
    stream: UnsafeMutablePointer<AVStream>, packet: UnsafeMutablePointer<AVPacket>
  ) {
    path = source.path
    start = source.start
    self.context = context
    self.stream = stream
    self.packet = packet
    for index in 0..<Int(context.pointee.nb_streams) where index != Int(stream.pointee.index) {
      context.pointee.streams[index]?.pointee.discard = AVDISCARD_ALL
    }
    let video = Self.videoStream(of: context)
    let first = video >= 0 ? context.pointee.streams[Int(video)] ?? stream : stream
    let timestamp = first.pointee.start_time
    origin =
      timestamp == cffmpeg_no_timestamp()
      ? (0, first.pointee.time_base) : (timestamp, first.pointee.time_base)
  }

  deinit {
    var packet: UnsafeMutablePointer<AVPacket>? = packet
    av_packet_free(&packet)
    var context: UnsafeMutablePointer<AVFormatContext>? = context
    avformat_close_input(&context)
  }

  /// FFmpeg's short name of the codec.
  var codecName: String {
    String(cString: avcodec_get_name(stream.pointee.codecpar.pointee.codec_id))
  }

  /// The next packet of the sound, nil at the end. It is valid until the next call.
  func next() -> UnsafeMutablePointer<AVPacket>? {
    while true {
      av_packet_unref(packet)
      let code = av_read_frame(context, packet)
      if code == FFmpegCode.endOfFile { return nil }
      guard code >= 0 else {
        readError = code
        return nil
      }
      if packet.pointee.stream_index == stream.pointee.index, packet.pointee.size > 0 {
        return packet
      }
    }
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
    let skipped = av_rescale(Int64(start.numerator), Int64(rate), Int64(start.denominator))
    let absurd: Int64 = 1 << 60
    guard [time, begin, skipped].allSatisfy({ (-absurd...absurd).contains($0) }) else { return nil }
    return time - begin - skipped
  }

  /// Where the container says that the sound ends, in seconds of the video; nil where it does not
  /// know.
  var statedEnd: Double? {
    let stream = stream.pointee
    guard stream.duration > 0, stream.start_time != cffmpeg_no_timestamp(),
      context.pointee.duration_estimation_method != AVFMT_DURATION_FROM_BITRATE
    else { return nil }
    let (end, overflow) = stream.start_time.addingReportingOverflow(stream.duration)
    let rate: Int32 = 1000
    return overflow ? nil : position(of: end, rate: rate).map { Double($0) / Double(rate) }
  }

  /// The stream of the pictures, not one of a cover; negative where there is none.
  private static func videoStream(of context: UnsafeMutablePointer<AVFormatContext>) -> Int32 {
    let index = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
    guard index >= 0, let stream = context.pointee.streams[Int(index)],
      stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC == 0
    else { return -1 }
    return index
  }
}
