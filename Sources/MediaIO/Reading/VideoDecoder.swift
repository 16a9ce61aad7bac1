import CFFmpeg
import Foundation

/// Decodes the frames of one stream in order of presentation.
final class VideoDecoder {
  /// What could not be decoded so far.
  private(set) var damage = VideoDamage()

  /// Seconds for which the last frame is shown; 0 where that is not known.
  private(set) var lastDuration = 0.0

  let stream: UnsafeMutablePointer<AVStream>
  private let demuxer: Demuxer
  private var context: UnsafeMutablePointer<AVCodecContext>?
  private var packet: UnsafeMutablePointer<AVPacket>?
  private var isDraining = false
  private var failuresInARow = 0

  // A decoder that has nothing left but failures is done.
  private static let patience = 1000

  /// - Throws: `MediaError.unsupported`, `.malformed`.
  init(demuxer: Demuxer, stream: UnsafeMutablePointer<AVStream>) throws {
    self.demuxer = demuxer
    self.stream = stream
    demuxer.select(stream)
    guard let codec = avcodec_find_decoder(stream.pointee.codecpar.pointee.codec_id) else {
      throw MediaError.unsupported(
        path: demuxer.path, found: "the codec '\(stream.codecName)'",
        advice: "the installed FFmpeg has no decoder for it: convert the video to H.264")
    }
    context = avcodec_alloc_context3(codec)
    packet = av_packet_alloc()
    let (code, reason) = FFmpegLog.run { open(codec) }
    guard code >= 0 else {
      throw MediaError.malformed(path: demuxer.path, expected: "a video", reason: reason)
    }
  }

  deinit {
    avcodec_free_context(&context)
    av_packet_free(&packet)
  }

  private func open(_ codec: UnsafePointer<AVCodec>) -> Int32 {
    guard let context, packet != nil else { return FFmpegCode.outOfMemory }
    let code = avcodec_parameters_to_context(context, stream.pointee.codecpar)
    guard code >= 0 else { return code }
    context.pointee.pkt_timebase = stream.pointee.time_base
    context.pointee.max_pixels = Int64(PictureLimit.pixels)
    context.pointee.thread_count = Self.threads(
      pixels: Int(context.pointee.width) * Int(context.pointee.height))
    return avcodec_open2(context, codec, nil)
  }

  /// Each thread holds pictures of its own, so large pictures get fewer.
  private static func threads(pixels: Int) -> Int32 {
    let room = (1 << 27) / max(pixels, 1)
    return Int32(max(min(ProcessInfo.processInfo.activeProcessorCount, 4, room), 1))
  }

  /// Decodes the next frame that can be decoded.
  ///
  /// - Returns: false at the end.
  /// - Throws: `MediaError.readFailed`, `.cancelled`.
  func next(into frame: UnsafeMutablePointer<AVFrame>) throws -> Bool {
    while true {
      let (code, reason) = FFmpegLog.run { avcodec_receive_frame(context, frame) }
      if code >= 0 {
        note(frame)
        return true
      }
      if code == FFmpegCode.endOfFile { return false }
      if code == FFmpegCode.again {
        if isDraining { return false }
        try send()
      } else if !fail(reason) {
        return false
      }
    }
  }

  private func note(_ frame: UnsafeMutablePointer<AVFrame>) {
    failuresInARow = 0
    if cffmpeg_frame_is_damaged(frame) { damage.damagedFrames += 1 }
    lastDuration = stream.seconds(cffmpeg_frame_duration(frame)) ?? 0
  }

  private func send() throws {
    guard let packet else { return }
    switch try demuxer.read(packet, of: stream.pointee.index) {
    case .end(let reason):
      isDraining = true
      damage.earlyEnd = reason
      // Decoders of several threads tell only now what they could not decode.
      let (code, reason) = FFmpegLog.run { avcodec_send_packet(context, nil) }
      if code < 0 && code != FFmpegCode.endOfFile { _ = fail(reason) }
    case .read:
      let (code, reason) = FFmpegLog.run { avcodec_send_packet(context, packet) }
      if code < 0 { _ = fail(reason) }
    }
  }

  /// - Returns: whether it is worth going on.
  private func fail(_ reason: String) -> Bool {
    damage.lostPackets += 1
    if damage.firstReason == nil { damage.firstReason = reason }
    failuresInARow += 1
    return !isDraining || failuresInARow < Self.patience
  }
}
