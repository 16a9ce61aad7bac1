import TensorCore

/// A video's frames at a rate that was asked for.
///
/// Used by one thread at a time, which makes it safe to hand to another.
final class ResampledVideo: @unchecked Sendable {
  let information: VideoInformation

  private let video: SequentialVideo
  /// Nil where the rate is the video's own.
  private var resampling: FrameResampling?
  /// The frame of the video that was read last, and how many were read.
  private var latest: VideoFrame?
  private var readCount = 0
  private var isAtEnd = false
  private var index = 0
  /// Of the frame that is shown: its number in the video, and that it was shown before.
  private var shown: (source: Int, pixels: Tensor)?

  /// - Parameter rate: one that `ConstantFrameRate` accepts; nil for the video's own.
  init(_ video: SequentialVideo, rate: Rational?) {
    self.video = video
    var information = video.information
    let own = information.frameRate
    if let rate = rate.map({ Rational(reducing: $0.numerator, $0.denominator) }),
      rate != Rational(reducing: own.numerator, own.denominator)
    {
      resampling = FrameResampling(from: own, to: rate)
      information.frameRate = rate
      information.estimatedFrameCount = information.duration.map {
        max(1, Int(($0 * rate.value).rounded()))
      }
    }
    self.information = information
  }

  var damage: VideoDamage { video.damage }

  /// Reads the next frame.
  ///
  /// - Returns: nil at the end.
  /// - Throws: `MediaError`, `TensorError.outOfMemory`.
  func next() throws -> VideoFrame? {
    guard let place = resampling else { return try video.next() }
    var isRepeat = true
    while readCount <= place.source, try read() {}
    if let latest, shown?.source != place.source, readCount == place.source + 1 {
      // Repeats of the video's own grid have one memory.
      isRepeat = shown.map { $0.pixels.pointer == latest.pixels.pointer } ?? false
      shown = (place.source, latest.pixels)
    }
    // Whether the video lasts until half of this place is over.
    while readCount < place.neededCount, try read() {}
    guard let shown, readCount >= place.neededCount || index == 0 else { return nil }
    defer {
      index += 1
      resampling?.advance()
    }
    let rate = information.frameRate
    return VideoFrame(
      pixels: shown.pixels, index: index,
      time: Rational(reducing: index * rate.denominator, rate.numerator), isRepeat: isRepeat)
  }

  /// - Returns: whether there was one more frame.
  private func read() throws -> Bool {
    guard !isAtEnd, let frame = try video.next() else {
      isAtEnd = true
      return false
    }
    latest = frame
    readCount += 1
    return true
  }
}
