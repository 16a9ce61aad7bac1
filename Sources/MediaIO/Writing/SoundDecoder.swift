import CFFmpeg

/// Decodes the sound of an input, frame by frame; what is damaged is counted and left out.
final class SoundDecoder {
  private let input: SoundInput
  private let context: UnsafeMutablePointer<AVCodecContext>
  private let frame: UnsafeMutablePointer<AVFrame>
  private var isFlushing = false

  /// Packets that could not be decoded.
  private(set) var damagedCount = 0

  /// - Returns: nil where the installed FFmpeg cannot decode the codec.
  init?(_ input: SoundInput) {
    let parameters = input.stream.pointee.codecpar
    guard let codec = avcodec_find_decoder(parameters?.pointee.codec_id ?? AV_CODEC_ID_NONE),
      let context = avcodec_alloc_context3(codec), let frame = av_frame_alloc()
    else { return nil }
    self.input = input
    self.context = context
    self.frame = frame
    context.pointee.thread_count = 1
    context.pointee.pkt_timebase = input.stream.pointee.time_base
    guard avcodec_parameters_to_context(context, parameters) >= 0,
      avcodec_open2(context, codec, nil) >= 0
    else { return nil }
  }

  deinit {
    var frame: UnsafeMutablePointer<AVFrame>? = frame
    av_frame_free(&frame)
    var context: UnsafeMutablePointer<AVCodecContext>? = context
    avcodec_free_context(&context)
  }

  /// The next frame, nil at the end. It is valid until the next call, and its times are the
  /// stream's.
  func next() -> UnsafeMutablePointer<AVFrame>? {
    while true {
      let code = avcodec_receive_frame(context, frame)
      if code >= 0 {
        if frame.pointee.nb_samples > 0, frame.pointee.sample_rate > 0 { return frame }
      } else if code == FFmpegCode.again && !isFlushing {
        feed()
      } else if code == FFmpegCode.endOfFile || isFlushing {
        return nil
      } else {
        damagedCount += 1
        feed()
      }
    }
  }

  /// Hands the decoder one packet, or word of the end.
  private func feed() {
    let packet = input.next()
    isFlushing = packet == nil
    let code = avcodec_send_packet(context, packet)
    if code < 0 && code != FFmpegCode.endOfFile { damagedCount += 1 }
  }
}
