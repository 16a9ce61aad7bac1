import CFFmpeg
import TensorCore

/// Decodes a file that is one packet of a codec.
struct StillDecoder {
  let path: String
  let codec: AVCodecID

  /// The upright picture of a whole file.
  ///
  /// - Throws: `MediaError`, `TensorError.outOfMemory`.
  func pixels(_ bytes: [UInt8]) throws -> Tensor {
    var frame = try decode(bytes)
    defer { av_frame_free(&frame) }
    guard let frame else { throw malformed("out of memory") }
    let isWebP = codec == AV_CODEC_ID_WEBP
    if codec == AV_CODEC_ID_MJPEG || isWebP, let colors = StillColors(frame, isWebP: isWebP) {
      return try colors.pixels().turned(orientation(bytes))
    }
    let orientation = orientation(bytes)
    let geometry = FrameGeometry(frame, pixelAspect: nil, orientation: orientation)
    return try PictureConverter(path: path, order: .rgb, geometry: geometry, peak: 0)
      .convert(frame, pixelAspect: nil)
  }

  private func orientation(_ bytes: [UInt8]) -> Orientation {
    switch codec {
    case AV_CODEC_ID_MJPEG: EXIFOrientation.ofJPEG(bytes)
    case AV_CODEC_ID_WEBP: EXIFOrientation.ofWebP(bytes)
    case AV_CODEC_ID_TIFF: EXIFOrientation.inside(bytes)
    default: .upright
    }
  }

  private func malformed(_ reason: String) -> MediaError {
    .malformed(path: path, expected: "a picture", reason: reason)
  }

  /// - Returns: a whole frame, which the caller frees.
  private func decode(_ bytes: [UInt8]) throws -> UnsafeMutablePointer<AVFrame>? {
    guard let decoder = avcodec_find_decoder(codec) else {
      throw MediaError.componentMissing(
        name: "a decoder of \(String(cString: avcodec_get_name(codec)))", purpose: "read \(path)")
    }
    var context = avcodec_alloc_context3(decoder)
    var packet = av_packet_alloc()
    var frame = av_frame_alloc()
    defer {
      avcodec_free_context(&context)
      av_packet_free(&packet)
    }
    guard let context, let packet, frame != nil, av_new_packet(packet, Int32(bytes.count)) >= 0
    else {
      av_frame_free(&frame)
      throw malformed("out of memory")
    }
    bytes.withUnsafeBufferPointer {
      packet.pointee.data.update(from: $0.baseAddress!, count: bytes.count)
    }
    configure(context)
    let (code, reason) = FFmpegLog.run {
      var code = avcodec_open2(context, decoder, nil)
      if code >= 0 { code = avcodec_send_packet(context, packet) }
      if code >= 0 { code = avcodec_send_packet(context, nil) }
      return code >= 0 ? avcodec_receive_frame(context, frame) : code
    }
    if code >= 0, let decoded = frame, !cffmpeg_frame_is_damaged(decoded) { return frame }
    av_frame_free(&frame)
    throw failure(context, code, reason)
  }

  private func configure(_ context: UnsafeMutablePointer<AVCodecContext>) {
    context.pointee.thread_count = 1
    // A larger one is refused before its memory is allocated.
    context.pointee.max_pixels = Int64(PictureLimit.pixels)
    context.pointee.err_recognition =
      AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE
    // libjpeg's inverse transform.
    if codec == AV_CODEC_ID_MJPEG { context.pointee.idct_algo = FF_IDCT_INT }
  }

  private func failure(
    _ context: UnsafeMutablePointer<AVCodecContext>, _ code: Int32, _ reason: String
  ) -> MediaError {
    let (width, height) = (Int(context.pointee.width), Int(context.pointee.height))
    if width > 0, height > 0, !PictureLimit.allows(width: width, height: height) {
      return .tooLarge(path: path, width: width, height: height, limit: PictureLimit.pixels)
    }
    if code >= 0 { return malformed("parts of it could not be decoded") }
    return malformed(code == FFmpegCode.endOfFile ? "no picture is in it" : reason)
  }
}
