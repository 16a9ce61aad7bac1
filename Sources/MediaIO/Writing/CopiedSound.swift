import CFFmpeg

/// Packets of a codec that players of MP4 know, taken as they are.
///
/// AAC, MP3, AC-3, E-AC-3 and ALAC have been in MP4 for long. Opus and FLAC may be there too, but
/// the players of many systems stay silent then, so they are encoded anew.
final class CopiedSound: SoundTrack {
  let parameters: UnsafeMutablePointer<AVCodecParameters>?
  let timeBase: AVRational

  private let input: SoundInput
  private let rate: Int32
  /// Turns a stream of self-contained frames (ADTS) into the frames alone, as MP4 has them.
  private let filter: UnsafeMutablePointer<AVBSFContext>?
  /// A packet that ends behind the limit, with its times set.
  private var held: UnsafeMutablePointer<AVPacket>?
  private var expected: Int64?
  private var hasEnded = false
  private var packetCount = 0
  private var troubles = SoundTroubles()

  /// Times that differ less from what the sound before them makes expected are jitter of the
  /// container: part of a second.
  static let jitter: Int32 = 100

  /// Packets that decoders need for the first picture's sound: the one in which it begins, and the
  /// one before.
  private static let preroll = 2

  /// - Returns: nil where the sound has to be encoded anew.
  init?(_ input: SoundInput) {
    let source = input.stream.pointee.codecpar.pointee
    guard Self.isCopied(source), let parameters = avcodec_parameters_alloc() else { return nil }
    self.input = input
    self.parameters = parameters
    rate = source.sample_rate
    timeBase = AVRational(num: 1, den: rate)
    let isSelfContained = source.codec_id == AV_CODEC_ID_AAC && source.extradata_size == 0
    filter = isSelfContained ? Self.frameFilter(for: input.stream) : nil
    let isComplete = avcodec_parameters_copy(parameters, input.stream.pointee.codecpar) >= 0
    guard isComplete, !isSelfContained || filter != nil else { return nil }
  }

  deinit {
    var parameters = parameters
    avcodec_parameters_free(&parameters)
    var filter = filter
    av_bsf_free(&filter)
  }

  private static func isCopied(_ source: AVCodecParameters) -> Bool {
    guard source.sample_rate > 0, source.ch_layout.nb_channels > 0 else { return false }
    switch source.codec_id {
    case AV_CODEC_ID_AAC, AV_CODEC_ID_AC3, AV_CODEC_ID_EAC3: return true
    // MPEG-4 knows no lower rates of MP3.
    case AV_CODEC_ID_MP3: return source.sample_rate >= 16000
    case AV_CODEC_ID_ALAC: return source.extradata_size > 0
    default: return false
    }
  }

  private static func frameFilter(
    for stream: UnsafeMutablePointer<AVStream>
  ) -> UnsafeMutablePointer<AVBSFContext>? {
    var filter: UnsafeMutablePointer<AVBSFContext>?
    guard let kind = av_bsf_get_by_name("aac_adtstoasc"), av_bsf_alloc(kind, &filter) >= 0,
      let made = filter,
      avcodec_parameters_copy(made.pointee.par_in, stream.pointee.codecpar) >= 0
    else { return nil }
    made.pointee.time_base_in = stream.pointee.time_base
    if av_bsf_init(made) < 0 { av_bsf_free(&filter) }
    return filter
  }

  func next(until limit: Int64, isFinal: Bool) -> UnsafeMutablePointer<AVPacket>? {
    if hasEnded { return nil }
    guard let packet = held ?? placedPacket() else {
      hasEnded = true
      troubles.end = Double(expected ?? 0) / Double(rate)
      return nil
    }
    held = nil
    if packet.pointee.pts + packet.pointee.duration > limit {
      guard isFinal else {
        held = packet
        return nil
      }
      hasEnded = true
      if packet.pointee.pts >= limit { return nil }
      packet.pointee.duration = limit - packet.pointee.pts
    }
    packetCount += 1
    return packet
  }

  func noteRefusal() {
    packetCount -= 1
    troubles.damaged += 1
  }

  var written: WrittenSound? {
    packetCount == 0
      ? nil
      : WrittenSound(
        sourceCodec: input.stream.codecName, codec: input.stream.codecName, isCopied: true)
  }

  var warnings: [String] { troubles.warnings(of: input, packetCount: packetCount) }

  // MARK: Places of packets

  /// The next packet that is not before the video, with its times in samples.
  private func placedPacket() -> UnsafeMutablePointer<AVPacket>? {
    while let packet = input.next() {
      let duration = duration(of: packet)
      guard let start = place(packet, duration: duration) else { continue }
      guard unwrap(packet) else {
        troubles.damaged += 1
        continue
      }
      expected = duration > 0 ? start + duration : nil
      packet.pointee.pts = start
      packet.pointee.dts = start
      packet.pointee.duration = duration
      packet.pointee.flags &= ~AV_PKT_FLAG_DISCARD
      return packet
    }
    return nil
  }

  private func place(_ packet: UnsafeMutablePointer<AVPacket>, duration: Int64) -> Int64? {
    let packet = packet.pointee
    let timestamp = packet.pts != cffmpeg_no_timestamp() ? packet.pts : packet.dts
    var start = input.position(of: timestamp, rate: rate) ?? expected ?? 0
    if let expected {
      if abs(start - expected) <= Int64(rate / Self.jitter) {
        start = expected
      } else if start < expected {
        troubles.backward += 1
        return nil
      }
    }
    // Discarded packets that are not the lead-in were cut out by the source's edit list.
    if start >= 0 && packet.flags & AV_PKT_FLAG_DISCARD != 0 { return nil }
    return start + duration * Int64(Self.preroll) <= 0 ? nil : start
  }

  /// Samples of a packet: its codec's number, unless the container says something else.
  private func duration(of packet: UnsafeMutablePointer<AVPacket>) -> Int64 {
    let base = input.stream.pointee.time_base
    let nominal = Int64(
      av_get_audio_frame_duration2(input.stream.pointee.codecpar, packet.pointee.size))
    let stated = av_rescale_q(packet.pointee.duration, base, timeBase)
    let tick = av_rescale_q_rnd(1, base, timeBase, AV_ROUND_UP) + 1
    if stated <= 0 || abs(stated - nominal) <= tick { return max(0, nominal) }
    return stated
  }

  private func unwrap(_ packet: UnsafeMutablePointer<AVPacket>) -> Bool {
    guard let filter else { return true }
    return av_bsf_send_packet(filter, packet) >= 0 && av_bsf_receive_packet(filter, packet) >= 0
  }
}
