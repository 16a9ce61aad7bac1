import CFFmpeg

/// Sound that is decoded and encoded as AAC, with silence where the source has gaps.
final class EncodedSound: SoundTrack {
  let timeBase: AVRational
  var parameters: UnsafeMutablePointer<AVCodecParameters>? { encoder.parameters }

  private let input: SoundInput
  private let decoder: SoundDecoder
  private let encoder: AACEncoder
  private let timeline: SoundTimeline
  private var conversion: SoundConversion?
  private var hasDecodedAll = false
  private var isFlushed = false
  private var packetCount = 0
  private var damagedCount = 0
  /// Where the source's sound ended, in seconds of the video.
  private var end: Double?

  /// - Returns: nil where the installed FFmpeg cannot decode the sound.
  init?(_ input: SoundInput) {
    guard let decoder = SoundDecoder(input),
      let encoder = AACEncoder(for: input.stream.pointee.codecpar.pointee),
      let timeline = SoundTimeline(format: encoder.format)
    else { return nil }
    self.input = input
    self.decoder = decoder
    self.encoder = encoder
    self.timeline = timeline
    timeBase = AVRational(num: 1, den: encoder.format.rate)
  }

  func next(until limit: Int64, isFinal: Bool) -> UnsafeMutablePointer<AVPacket>? {
    while true {
      if let packet = encoder.receive() {
        packetCount += 1
        return packet
      }
      if isFlushed { return nil }
      decode(to: encoder.frameSize)
      var count = min(encoder.frameSize, timeline.available)
      let room = limit - timeline.position
      if room < count {
        guard isFinal else { return nil }
        count = max(0, room)
      }
      encode(count)
    }
  }

  func noteRefusal() {
    packetCount -= 1
    damagedCount += 1
  }

  var written: WrittenSound? {
    packetCount == 0
      ? nil : WrittenSound(sourceCodec: input.stream.codecName, codec: "aac", isCopied: false)
  }

  var warnings: [String] {
    SoundTroubles(
      damaged: damagedCount + decoder.damagedCount, backward: timeline.backwardFrameCount, end: end
    ).warnings(of: input, packetCount: packetCount)
  }

  /// Encodes samples; fewer than a frame are the last.
  private func encode(_ count: Int64) {
    if count > 0, let block = timeline.take(count), !encoder.send(block) { damagedCount += 1 }
    if count < encoder.frameSize {
      isFlushed = true
      _ = encoder.send(nil)
    }
  }

  // MARK: Decoding

  /// Decodes until the timeline has some samples, or all there are.
  private func decode(to count: Int64) {
    while timeline.available < count {
      if let frame = conversion?.receive() {
        let place = frame.pointee.pts
        timeline.append(frame, at: place == cffmpeg_no_timestamp() ? nil : place)
      } else if hasDecodedAll {
        return
      } else if let frame = decoder.next() {
        convert(frame)
      } else {
        hasDecodedAll = true
        _ = conversion?.send(nil)
        end = Double(timeline.position + timeline.available) / Double(encoder.format.rate)
      }
    }
  }

  private func convert(_ frame: UnsafeMutablePointer<AVFrame>) {
    if frame.pointee.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC {
      let count = frame.pointee.ch_layout.nb_channels
      av_channel_layout_default(&frame.pointee.ch_layout, count)
    }
    if conversion.map({ !$0.takes(frame.pointee) }) ?? true {
      finishConversion()
      conversion = SoundConversion.make(like: frame.pointee, to: encoder.format)
    }
    frame.pointee.pts =
      input.position(of: frame.pointee.best_effort_timestamp, rate: frame.pointee.sample_rate)
      ?? cffmpeg_no_timestamp()
    if conversion?.send(frame) != true { damagedCount += 1 }
  }

  /// Takes what is left of sound before its format changes.
  private func finishConversion() {
    guard let conversion, conversion.send(nil) else { return }
    while let frame = conversion.receive() { timeline.append(frame, at: nil) }
  }
}
