import CFFmpeg

/// Pictures to H.264 packets, by libx264.
///
/// The same pictures give the same bytes on any number of cores: libx264 with several threads is
/// exact, but its result depends on how many there are, so their number is fixed.
final class H264Encoder {
  /// Open; its time base is the time of one frame.
  let context: UnsafeMutablePointer<AVCodecContext>

  private let packet: UnsafeMutablePointer<AVPacket>
  private let path: String

  /// Enough for a stream to keep up with its pictures on common machines, and few enough to cost
  /// neither memory nor quality.
  private static let threadCount: Int32 = 4

  /// - Parameters:
  ///   - path: the video's, for errors.
  ///   - columns, rows: even.
  ///   - frameTime: seconds of one frame.
  /// - Throws: `MediaError.componentMissing`, `.notEncodable`.
  init(
    path: String, columns: Int32, rows: Int32, frameTime: AVRational, options: VideoWriterOptions
  ) throws {
    guard let codec = avcodec_find_encoder_by_name("libx264") else {
      throw MediaError.componentMissing(name: "libx264", purpose: "write H.264 video")
    }
    guard let context = avcodec_alloc_context3(codec), let packet = av_packet_alloc() else {
      throw MediaError.notEncodable(path: path, reason: "memory is exhausted")
    }
    self.context = context
    self.packet = packet
    self.path = path
    context.pointee.width = columns
    context.pointee.height = rows
    context.pointee.pix_fmt = AV_PIX_FMT_YUV420P
    context.pointee.time_base = frameTime
    context.pointee.framerate = AVRational(num: frameTime.den, den: frameTime.num)
    context.pointee.sample_aspect_ratio = AVRational(num: 1, den: 1)
    context.pointee.color_primaries = AVCOL_PRI_BT709
    context.pointee.color_trc = AVCOL_TRC_BT709
    context.pointee.colorspace = AVCOL_SPC_BT709
    context.pointee.color_range = AVCOL_RANGE_MPEG
    context.pointee.chroma_sample_location = AVCHROMA_LOC_LEFT
    context.pointee.thread_count = Self.threadCount
    context.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT
    let settings = [
      "preset": options.preset.rawValue, "crf": "\(options.quality)",
      // Choices of algorithm that depend on the processor would change the bytes.
      "x264-params": "cpu-independent=1",
    ]
    for (name, value) in settings {
      guard av_opt_set(context.pointee.priv_data, name, value, 0) >= 0 else {
        throw MediaError.notEncodable(path: path, reason: "libx264 refuses \(name) \(value)")
      }
    }
    let code = avcodec_open2(context, codec, nil)
    guard code >= 0 else {
      throw MediaError.notEncodable(
        path: path,
        reason: "libx264 refuses \(columns)x\(rows) pixels at "
          + "\(frameTime.den)/\(frameTime.num) frames a second (\(FFmpegCode.reason(code)))")
    }
  }

  deinit {
    var packet: UnsafeMutablePointer<AVPacket>? = packet
    av_packet_free(&packet)
    var context: UnsafeMutablePointer<AVCodecContext>? = context
    avcodec_free_context(&context)
  }

  /// Takes a picture, nil after the last one.
  ///
  /// - Throws: `MediaError.notEncodable`.
  func send(_ frame: UnsafeMutablePointer<AVFrame>?) throws {
    let code = avcodec_send_frame(context, frame)
    guard code >= 0 else { throw failure(code) }
  }

  /// The next packet, in the context's time base; nil where none is ready. It is valid until the
  /// next call.
  ///
  /// - Throws: `MediaError.notEncodable`.
  func receive() throws -> UnsafeMutablePointer<AVPacket>? {
    let code = avcodec_receive_packet(context, packet)
    if code == FFmpegCode.again || code == FFmpegCode.endOfFile { return nil }
    guard code >= 0 else { throw failure(code) }
    packet.pointee.duration = 1
    return packet
  }

  private func failure(_ code: Int32) -> MediaError {
    .notEncodable(path: path, reason: "libx264 failed (\(FFmpegCode.reason(code)))")
  }
}
