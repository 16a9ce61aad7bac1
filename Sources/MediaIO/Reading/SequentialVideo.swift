import CFFmpeg
import Imaging
import TensorCore

/// A video's frames at a constant rate, made when they are asked for.
///
/// Used by one thread at a time, which makes it safe to hand to another.
final class SequentialVideo: @unchecked Sendable {
  let information: VideoInformation

  private let demuxer: Demuxer
  private let frames: WholeFrames
  private let converter: PictureConverter
  private let stop: StopFlag
  private var timeline: FrameTimeline
  private let buffer: FrameBuffer

  /// The first frame's timestamp until it is placed.
  private var first: WholeFrames.Timestamp?
  private var shown: Tensor?
  private var upcoming: Tensor?
  private var repeats = 0
  private var index = 0
  private var isAtEnd = false

  /// Opens a video and decodes its first frame.
  ///
  /// - Throws: `MediaError`.
  init(path: String, order: PixelOrder, stop: StopFlag) throws {
    self.stop = stop
    demuxer = try Demuxer(path: path, stop: stop)
    let stream = try demuxer.bestVideo()
    let sound = demuxer.bestSound(beside: stream)
    frames = WholeFrames(decoder: try VideoDecoder(demuxer: demuxer, stream: stream))
    buffer = try FrameBuffer().orOutOfMemory(path)
    let frame = buffer.pointer
    guard let first = try Self.firstFrame(of: frames, into: frame, path) else {
      throw MediaError.nothingToRead(
        path: path, expected: "a video with at least one frame", found: "a video without frames")
    }
    self.first = first
    let matrix = cffmpeg_display_matrix(stream, frame)
      .map { Array(UnsafeBufferPointer(start: $0, count: 9)) }
    let geometry = FrameGeometry(
      frame, pixelAspect: demuxer.pixelAspect(of: frame, stream),
      orientation: matrix.map { Orientation(displayMatrix: $0) } ?? .upright)
    converter = PictureConverter(
      path: path, order: order, geometry: geometry, peak: cffmpeg_peak_luminance(stream, frame))
    information = demuxer.information(
      stream, sound, frame, first, geometry, isInterlaced: frames.isInterlaced)
    timeline = FrameTimeline(
      rate: information.frameRate, declaredDuration: information.duration)
  }

  private static func firstFrame(
    of frames: WholeFrames, into frame: UnsafeMutablePointer<AVFrame>, _ path: String
  ) throws -> WholeFrames.Timestamp? {
    if let first = try frames.next(into: frame) { return first }
    if frames.decoder.stream.pointee.codecpar.pointee.codec_id == AV_CODEC_ID_WEBP {
      throw MediaError.unsupported(
        path: path, found: "WebP without a first picture, as animations are,",
        advice: "convert the video to H.264")
    }
    let damage = frames.decoder.damage
    if let reason = damage.firstReason ?? damage.earlyEnd {
      throw MediaError.malformed(path: path, expected: "a video", reason: reason)
    }
    return nil
  }

  /// What was wrong so far.
  var damage: VideoDamage {
    var damage = frames.decoder.damage
    damage.brokenTimestamps = timeline.brokenTimestamps
    return damage
  }

  /// Reads the next frame.
  ///
  /// - Returns: nil at the end.
  /// - Throws: `MediaError`, `TensorError.outOfMemory`.
  func next() throws -> VideoFrame? {
    while true {
      if stop.isSet { throw MediaError.cancelled(path: information.path) }
      if repeats > 0, let shown {
        repeats -= 1
        return number(shown, isRepeat: true)
      }
      if let upcoming {
        shown = upcoming
        self.upcoming = nil
        return number(upcoming, isRepeat: false)
      }
      if isAtEnd { return nil }
      try advance()
    }
  }

  private func number(_ pixels: Tensor, isRepeat: Bool) -> VideoFrame {
    defer { index += 1 }
    let rate = information.frameRate
    return VideoFrame(
      pixels: pixels, index: index,
      time: Rational(reducing: index * rate.denominator, rate.numerator), isRepeat: isRepeat)
  }

  /// Decodes a frame and plans when it is shown.
  private func advance() throws {
    let frame = buffer.pointer
    guard let timestamp = try first ?? frames.next(into: frame) else {
      isAtEnd = true
      repeats = timeline.repeatsAtEnd(duration: frames.decoder.lastDuration)
      return
    }
    first = nil
    guard case .shown(let repeats) = timeline.place(timestamp.seconds) else { return }
    upcoming = try converter.convert(
      frame, pixelAspect: demuxer.pixelAspect(of: frame, frames.decoder.stream))
    self.repeats = repeats
  }
}

extension Optional {
  fileprivate func orOutOfMemory(_ path: String) throws -> Wrapped {
    guard let self else { throw MediaError.unreadable(path: path, reason: "out of memory") }
    return self
  }
}

extension Demuxer {
  /// Width by height of a frame's pixels; nil where not known.
  fileprivate func pixelAspect(
    of frame: UnsafeMutablePointer<AVFrame>, _ stream: UnsafeMutablePointer<AVStream>
  ) -> Rational? {
    Rational(positive: av_guess_sample_aspect_ratio(format, stream, frame))
  }

  fileprivate func information(
    _ stream: UnsafeMutablePointer<AVStream>, _ sound: UnsafeMutablePointer<AVStream>?,
    _ frame: UnsafeMutablePointer<AVFrame>, _ first: WholeFrames.Timestamp,
    _ geometry: FrameGeometry, isInterlaced: Bool
  ) -> VideoInformation {
    let average = Rational(positive: stream.pointee.avg_frame_rate)
    let rate = ConstantFrameRate.choose(
      average: average, base: Rational(positive: stream.pointee.r_frame_rate))
    let duration = self.duration(of: stream)
    let light = WideLight(
      transfer: frame.pointee.color_trc, primaries: frame.pointee.color_primaries)
    return VideoInformation(
      path: path, columns: geometry.uprightColumns, rows: geometry.uprightRows, frameRate: rate,
      averageFrameRate: average, duration: duration,
      estimatedFrameCount: duration.map { Int(($0 * rate.value).rounded()) },
      container: String(cString: format.pointee.iformat.pointee.name), codec: stream.codecName,
      pixelFormat: av_get_pix_fmt_name(AVPixelFormat(frame.pointee.format))
        .map { String(cString: $0) } ?? "unknown",
      orientation: geometry.orientation, isInterlaced: isInterlaced,
      isHighDynamicRange: light?.isHighDynamicRange ?? false,
      sound: sound.map { self.information(sound: $0, beside: first) })
  }

  private func information(
    sound: UnsafeMutablePointer<AVStream>, beside video: WholeFrames.Timestamp
  ) -> SoundInformation {
    let parameters = sound.pointee.codecpar.pointee
    return SoundInformation(
      streamIndex: Int(sound.pointee.index), codec: sound.codecName,
      sampleRate: Int(parameters.sample_rate), channels: Int(parameters.ch_layout.nb_channels),
      startOffset: Self.offset(of: sound, from: video), duration: duration(of: sound))
  }

  /// Seconds from a picture to the start of a sound, to the microsecond.
  private static func offset(
    of sound: UnsafeMutablePointer<AVStream>, from video: WholeFrames.Timestamp
  ) -> Rational {
    let start = sound.seconds(sound.pointee.start_time) ?? 0
    let microseconds = ((start - (video.seconds ?? 0)) * 1e6).rounded()
    // Damaged timestamps may be of any size.
    guard abs(microseconds) < 1e12 else { return Rational(0) }
    return Rational(reducing: Int(microseconds), 1_000_000)
  }

  /// Seconds; nil where neither stream nor container says, or not believably (over a year).
  private func duration(of stream: UnsafeMutablePointer<AVStream>) -> Double? {
    let container = format.pointee.duration
    let seconds =
      stream.seconds(stream.pointee.duration)
      ?? (container == cffmpeg_no_timestamp() ? nil : Double(container) / 1e6)
    return seconds.flatMap { $0 > 0 && $0 < 3.2e7 ? $0 : nil }
  }
}
