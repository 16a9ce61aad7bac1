import Foundation

/// Tells on standard error how far a command of one stage has come, by a `ProgressChannel`.
final class Progress {
  /// What is counted.
  enum Unit {
    case bytes
    /// By its name in the singular.
    case items(String)
  }

  private let channel: ProgressChannel
  private let unit: Unit
  private let stage: String
  private let total: Int
  private let start = ContinuousClock.now
  private var done = 0
  private var lastShown: ContinuousClock.Instant?

  /// - Parameters:
  ///   - stage: what is done, "writing out.safetensors".
  ///   - total: how many there are to do; 0 where nobody knows.
  init(_ stage: String, total: Int, in unit: Unit = .bytes, _ options: ReportingOptions) {
    self.stage = stage
    self.total = total
    self.unit = unit
    channel = ProgressChannel(options)
  }

  /// Some more are done.
  func advance(_ count: Int) {
    done += count
    let interval: Duration = channel.isTerminal ? .milliseconds(100) : .seconds(5)
    if let lastShown, ContinuousClock.now - lastShown < interval { return }
    // A short job says nothing on the way.
    if lastShown == nil && ContinuousClock.now - start < .milliseconds(500) { return }
    lastShown = .now
    show(isEnd: false)
  }

  /// A detail for those who want them all.
  func detail(_ text: String) {
    if channel.isVerbose { say(text, event: "detail") }
  }

  /// What the user will want to know in any case.
  func note(_ text: String) { say(text, event: "note") }

  /// What went differently from what the user may expect.
  func warn(_ text: String) { say(text, event: "warning", prefix: "warning: ") }

  private func say(_ text: String, event: String, prefix: String = "") {
    channel.say(prefix + printable(text), as: Event(event: event, stage: stage, detail: text))
  }

  /// The work is done.
  func finish() { show(isEnd: true) }

  /// Ends a redrawn line, so that what follows starts on its own.
  func closeLine() { channel.closeLine() }

  private struct Event: Encodable {
    let event: String
    let stage: String
    var done: Int?
    var total: Int?
    var seconds: Double?
    var detail: String?
  }

  private func show(isEnd: Bool) {
    let elapsed = (ContinuousClock.now - start) / .seconds(1)
    if channel.isJSON {
      channel.emit(
        Event(
          event: isEnd ? "done" : "progress", stage: stage, done: done, total: total,
          seconds: roundedToMilliseconds(elapsed)))
    } else {
      channel.show(line(elapsed), isEnd: isEnd)
    }
  }

  private func line(_ elapsed: Double) -> String {
    let share = total > 0 ? "\(min(done, total) * 100 / total) %, " : ""
    let rate = elapsed > 0 ? Double(done) / elapsed : 0
    var text = "\(stage): \(share)\(amount)" + String(format: ", %.1f s", elapsed)
    if rate > 0 { text += ", \(formatted(rate: rate))" }
    if rate > 0 && done < total { text += ", \(Int(Double(total - done) / rate) + 1) s left" }
    return text
  }

  private var amount: String {
    switch unit {
    case .bytes: formatBytes(done)
    case .items(let name): formatCount(done, name)
    }
  }

  private func formatted(rate: Double) -> String {
    switch unit {
    case .bytes: formatBytes(Int(rate)) + "/s"
    case .items(let name): "\(formatRate(rate)) \(name)s/s"
    }
  }
}
