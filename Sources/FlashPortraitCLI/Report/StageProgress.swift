import PortraitPipeline

/// How far one stage of a job is, and how long the rest will take. Only what this run has done counts
/// for its speed. All times are seconds of one clock.
struct StageProgress {
  let stage: JobStage
  /// Frames or steps; nil where the stage has no parts.
  let total: Int?
  /// Those that an earlier run has done.
  let resumed: Int
  let start: Double
  private(set) var done: Int
  private(set) var place: DenoisingPlace?
  /// When the step in hand began.
  private(set) var stepStart: Double

  private var countsBlocks = false

  /// A share of the stage that was done at a time.
  private struct Mark {
    let share: Double
    let time: Double
  }
  private var first: Mark?
  private var latest: Mark?
  /// Of the stage, at which this run stops.
  private let goal: Double

  /// - Parameter stopAfter: the frame or step after which the stage ends; nil for the last.
  init(_ stage: JobStage, total: Int?, resumed: Int, stopAfter: Int?, at time: Double) {
    self.stage = stage
    self.total = total
    self.resumed = resumed
    start = time
    stepStart = time
    done = resumed
    let end = Double(max(total ?? 0, 1))
    goal = min(Double(stopAfter ?? .max) / end, 1)
    // Where a resumed step has begun is not known before the first of its blocks is done.
    if total != nil, stage != .denoising || resumed == 0 {
      first = Mark(share: Double(resumed) / end, time: time)
    }
  }

  mutating func advance(to done: Int, at time: Double) {
    if done != self.done { stepStart = time }
    self.done = min(done, total ?? done)
    place = nil
    // Steps differ where some run without guidance; blocks do not.
    if let total, total > 0, !countsBlocks { mark(Double(done) / Double(total), at: time) }
  }

  mutating func advance(to place: DenoisingPlace, at time: Double) {
    // A first step that was taken up in the middle.
    if self.place == nil, done == resumed, place.window > 0 { first = nil }
    self.place = place
    countsBlocks = true
    mark(place.share, at: time)
  }

  private mutating func mark(_ share: Double, at time: Double) {
    let mark = Mark(share: share, time: time)
    if first == nil { first = mark }
    latest = mark
  }

  /// Shares of the stage in a second.
  private var rate: Double? {
    guard let first, let latest, latest.share > first.share, latest.time > first.time else {
      return nil
    }
    return (latest.share - first.share) / (latest.time - first.time)
  }

  /// Seconds until the stage ends, nil before anything was measured.
  func remaining(at time: Double) -> Double? {
    guard let rate, let latest else { return nil }
    return max((goal - latest.share) / rate - (time - latest.time), 0)
  }

  /// Seconds of one frame or step, nil before anything was measured.
  var secondsEach: Double? {
    guard let rate, let total, total > 0 else { return nil }
    return 1 / (rate * Double(total))
  }

  /// Where the stage is, as people read it.
  func line(at time: Double) -> String {
    var parts = stage == .denoising ? denoisingParts(at: time) : frameParts(at: time)
    if let remaining = remaining(at: time) {
      parts.append("\(formatRemaining(remaining)) left")
    }
    return "\(stage.rawValue): " + parts.joined(separator: ", ")
  }

  private func denoisingParts(at time: Double) -> [String] {
    guard let total else { return [formatDuration(time - start)] }
    let each = secondsEach.map { " of \(formatDuration($0))" } ?? ""
    let step = min(done + 1, total)
    let parts = ["step \(step)/\(total) (\(formatDuration(time - stepStart))\(each))"]
    guard let place else { return parts }
    return parts + [
      "window \(place.window + 1)/\(place.windows)", "block \(place.block + 1)/\(place.blocks)",
    ]
  }

  private func frameParts(at time: Double) -> [String] {
    var parts: [String] = []
    if let total, total > 0 {
      parts = ["\(done) of \(formatCount(total, "frame")), \(min(done, total) * 100 / total) %"]
    } else if done > 0 {
      parts = [formatCount(done, "frame")]
    }
    parts.append(formatDuration(time - start))
    if let each = secondsEach { parts.append("\(formatRate(1 / each)) frames/s") }
    return parts
  }

  /// What the stage came to.
  func lastLine(at time: Double) -> String {
    let time = formatDuration(time - start)
    guard done > 0 else { return "\(stage.rawValue): \(time)" }
    let unit = stage == .denoising ? "step" : "frame"
    let earlier = resumed > 0 ? " (\(resumed) of them in an earlier run)" : ""
    return "\(stage.rawValue): \(formatCount(done, unit))\(earlier), \(time)"
  }
}
