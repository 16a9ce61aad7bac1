import CFFmpeg

/// Sound to AAC packets, by FFmpeg's own encoder.
final class AACEncoder {
  let format: SoundConversion.Format
  let parameters: UnsafeMutablePointer<AVCodecParameters>

  /// Samples of each frame but the last.
  var frameSize: Int64 { Int64(context.pointee.frame_size) }

  private let context: UnsafeMutablePointer<AVCodecContext>
  private let packet: UnsafeMutablePointer<AVPacket>

  /// Bits a second: what this encoder needs to be hard to tell from the original.
  private static let bitRatePerChannel: Int64 = 96_000

  /// - Parameter source: of the sound that is encoded.
  /// - Returns: nil where the installed FFmpeg has no such encoder.
  init?(for source: AVCodecParameters) {
    format = Self.format(for: source)
    guard let codec = avcodec_find_encoder_by_name("aac"),
      let context = avcodec_alloc_context3(codec), let packet = av_packet_alloc(),
      let parameters = avcodec_parameters_alloc()
    else { return nil }
    self.context = context
    self.packet = packet
    self.parameters = parameters
    context.pointee.sample_fmt = AV_SAMPLE_FMT_FLTP
    context.pointee.sample_rate = format.rate
    context.pointee.time_base = AVRational(num: 1, den: format.rate)
    context.pointee.bit_rate = Self.bitRatePerChannel * Int64(format.channelCount)
    context.pointee.thread_count = 1
    context.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT
    guard av_channel_layout_from_string(&context.pointee.ch_layout, format.layout) >= 0,
      avcodec_open2(context, codec, nil) >= 0,
      avcodec_parameters_from_context(parameters, context) >= 0
    else { return nil }
  }

  deinit {
    var parameters: UnsafeMutablePointer<AVCodecParameters>? = parameters
    avcodec_parameters_free(&parameters)
    var packet: UnsafeMutablePointer<AVPacket>? = packet
    av_packet_free(&packet)
    var context: UnsafeMutablePointer<AVCodecContext>? = context
    avcodec_free_context(&context)
  }

  /// Takes a frame, nil after the last one.
  ///
  /// - Returns: whether it worked.
  func send(_ frame: UnsafeMutablePointer<AVFrame>?) -> Bool {
    avcodec_send_frame(context, frame) >= 0
  }

  /// The next packet, with times in samples; nil where none is ready. It is valid until the next
  /// call.
  func receive() -> UnsafeMutablePointer<AVPacket>? {
    avcodec_receive_packet(context, packet) >= 0 ? packet : nil
  }

  /// The nearest that AAC has and players take: up to 48 kHz and up to 5.1 channels.
  private static func format(for source: AVCodecParameters) -> SoundConversion.Format {
    let rates: [Int32] = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000]
    var rate: Int32 = rates.contains(source.sample_rate) ? source.sample_rate : 48000
    if source.sample_rate > 0, source.sample_rate % 44100 == 0 { rate = 44100 }
    // Channels without places are taken in the usual order.
    let isOrdered =
      source.ch_layout.order == AV_CHANNEL_ORDER_NATIVE
      || source.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC
    switch source.ch_layout.nb_channels {
    case 1: return .init(rate: rate, layout: "mono", channelCount: 1)
    case 5 where isOrdered: return .init(rate: rate, layout: "5.0", channelCount: 5)
    case 6...8 where isOrdered: return .init(rate: rate, layout: "5.1", channelCount: 6)
    default: return .init(rate: rate, layout: "stereo", channelCount: 2)
    }
  }
}
