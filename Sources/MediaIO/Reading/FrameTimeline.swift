/// Places the frames of a video, with timestamps as they come, on a constant grid.
///
/// Grid place k is shown from k / rate on, counted from the first frame; so sound that starts with
/// the first frame stays in step however long the video is. As ffmpeg's `cfr` does it: a frame goes
/// to the next free place, unless that is too early for it (by more than 0.6 places: the frame
/// before is repeated until its time) or too late (by a place or more: it is dropped). Between those
/// bounds trembling timestamps neither repeat nor drop anything.
package struct FrameTimeline {
  /// What becomes of a frame.
  package enum Placement: Equatable {
    case dropped
    /// It is shown, after as many repeats of the frame before.
    case shown(repeats: Int)
  }

  /// Timestamps that could not be believed: they led outside the video's declared duration, or far
  /// back. The frames that had them follow the frame before.
  package private(set) var brokenTimestamps = 0

  private let interval: Double
  private let rate: Double
  private let declaredDuration: Double?

  /// Seconds from the grid's start to the zero of the timestamps; nil before the first timestamp.
  private var offset: Double?
  private var lastTimestamp: Double?
  private var lastTime: Double?
  private var nextPlace = 0

  // Longer steps are believed only where the container's duration has room for them.
  private static let plainGap = 2.0
  private static let longestGap = 600.0
  private static let slack = 1.0

  // In places of the grid.
  private static let earlyTolerance = 0.6
  private static let lateTolerance = 0.999

  /// - Parameters:
  ///   - rate: places a second.
  ///   - declaredDuration: the container's, in seconds; nil where it has none.
  package init(rate: Rational, declaredDuration: Double?) {
    self.rate = rate.value
    interval = 1 / rate.value
    self.declaredDuration = declaredDuration
  }

  /// Places the next frame in order of presentation.
  ///
  /// - Parameter timestamp: seconds; nil where the container has none for the frame.
  package mutating func place(_ timestamp: Double?) -> Placement {
    let time = self.time(of: timestamp)
    lastTime = time
    let position = time * rate
    let lead = position - Double(nextPlace)
    if lead <= -Self.lateTolerance { return .dropped }
    let repeats = lead > Self.earlyTolerance ? Int(lead.rounded()) : 0
    nextPlace += repeats + 1
    return .shown(repeats: repeats)
  }

  /// Repeats of the last frame that fill its own duration.
  ///
  /// - Parameter duration: seconds; 0 where it is not known.
  package mutating func repeatsAtEnd(duration: Double) -> Int {
    guard let lastTime, duration > interval, duration <= gapLimit(after: lastTime) else { return 0 }
    let end = ((lastTime + duration) * rate - Self.earlyTolerance).rounded(.up)
    let repeats = max(Int(end) - nextPlace, 0)
    nextPlace += repeats
    return repeats
  }

  /// Seconds on the grid's own axis.
  private mutating func time(of timestamp: Double?) -> Double {
    let expected = lastTime.map { $0 + interval } ?? 0
    guard let timestamp else { return expected }
    defer { lastTimestamp = timestamp }
    guard let offset, let lastTimestamp else {
      self.offset = timestamp - expected
      return expected
    }
    let step = timestamp - lastTimestamp
    if step < -Self.slack || step > gapLimit(after: lastTimestamp - offset) {
      brokenTimestamps += 1
      self.offset = timestamp - expected
      return expected
    }
    // A frame that is not after the one before has, in truth, no timestamp.
    return step > 0 ? timestamp - offset : expected
  }

  private func gapLimit(after time: Double) -> Double {
    guard let declaredDuration else { return Self.longestGap }
    return max(Self.plainGap, declaredDuration + Self.slack - time)
  }
}
