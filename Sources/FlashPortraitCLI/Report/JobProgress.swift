import Dispatch
import Foundation
import PortraitPipeline
import Synchronization

/// Tells how far a job is: on a terminal one line for each stage, redrawn; elsewhere a line for each
/// step, and one every 30 seconds where a step takes longer; or JSON lines.
///
/// The keys of the JSON lines are those of `JobProgress.Line`.
package final class JobProgress: Sendable {
  private struct State {
    var stage: StageProgress?
    var lastShown = -Double.infinity
    /// Stages with the seconds that they took; nil where an earlier run has done them.
    var times: [(stage: JobStage, seconds: Double?)] = []
    /// Steps of denoising that are done, of how many.
    var steps: (done: Int, total: Int)?
    var saysStopping = false
  }

  private let channel: ProgressChannel
  private let label: String?
  private let stopAfterStep: Int?
  private let now: @Sendable () -> Double
  private let state = Mutex(State())

  /// - Parameters:
  ///   - label: of the job among others; nil where it is the only one.
  ///   - stopAfterStep: after which the job ends, nil for the last one.
  ///   - now: seconds of a clock that never goes back.
  package init(
    _ options: ReportingOptions, label: String? = nil, stopAfterStep: Int? = nil,
    now: @escaping @Sendable () -> Double = JobProgress.clock
  ) {
    channel = ProgressChannel(options)
    self.label = label
    self.stopAfterStep = stopAfterStep
    self.now = now
  }

  /// Seconds since the machine started.
  @Sendable package static func clock() -> Double {
    Double(DispatchTime.now().uptimeNanoseconds) * 1e-9
  }

  /// Does the work; where it reports nothing for long, the line stays alive.
  package func watch<Result>(_ work: () throws -> Result) throws -> Result {
    let timer = DispatchSource.makeTimerSource(queue: .global(qos: .userInitiated))
    timer.schedule(deadline: .now() + 1, repeating: 1)
    timer.setEventHandler { [weak self] in self?.tick() }
    timer.resume()
    defer {
      timer.cancel()
      channel.closeLine()
    }
    return try work()
  }

  /// Takes one report of the job.
  package func receive(_ event: JobEvent) {
    state.withLock { state in
      switch event {
      case .began(let stage, let total, let resumed):
        begin(stage, total: total, resumed: resumed, &state)
      case .kept(let stage):
        state.times.append((stage, nil))
        say("\(stage.rawValue): reused from an earlier run", Line(event: .kept, stage: stage))
      case .advanced(let stage, let done): advance(stage, to: done, &state)
      case .block(let place):
        state.stage?.advance(to: place, at: now())
        refresh(&state)
      case .finished(let stage): finish(stage, &state)
      case .preview(let path):
        say("preview: \(path)", Line(event: .preview, path: path))
      case .note(let text): say(text, Line(event: .note, detail: text))
      case .warning(let text): say("warning: \(text)", Line(event: .warning, detail: text))
      }
    }
  }

  /// Shows that the work goes on, where nothing was shown for long.
  package func tick() {
    state.withLock { state in
      if Interruption.isPending && !state.saysStopping {
        state.saysStopping = true
        let text = "stopping after the current block or frame; a second signal stops at once"
        return say(text, Line(event: .note, detail: text))
      }
      refresh(&state, isSilence: true)
    }
  }

  private func begin(_ stage: JobStage, total: Int?, resumed: Int, _ state: inout State) {
    let progress = StageProgress(
      stage, total: total, resumed: resumed,
      stopAfter: stage == .denoising ? stopAfterStep : nil, at: now())
    state.stage = progress
    if stage == .denoising, let total { state.steps = (resumed, total) }
    var line = Line(event: .began, stage: stage)
    line.total = total
    line.resumed = resumed
    if channel.isJSON {
      emit(line)
    } else if resumed > 0 {
      let unit = stage == .denoising ? "steps" : "frames"
      let whole = total.map { "\($0) \(unit)" } ?? unit
      say("\(stage.rawValue): resuming after \(resumed) of \(whole)", line)
    } else if channel.isTerminal {
      channel.show(progress.line(at: now()), isEnd: false)
    }
    state.lastShown = now()
  }

  private func advance(_ stage: JobStage, to done: Int, _ state: inout State) {
    guard var progress = state.stage, progress.stage == stage else { return }
    let time = now()
    let stepSeconds = time - progress.stepStart
    progress.advance(to: done, at: time)
    state.stage = progress
    guard stage == .denoising, let total = progress.total else {
      return refresh(&state)
    }
    state.steps = (done, total)
    state.lastShown = time
    if channel.isJSON {
      var line = Line(event: .step, stage: stage)
      line.step = done
      line.steps = total
      line.stepSeconds = roundedToMilliseconds(stepSeconds)
      line.etaSeconds = progress.remaining(at: time).map(roundedToMilliseconds)
      emit(line)
    } else if channel.isTerminal {
      channel.show(progress.line(at: time), isEnd: false)
    } else {
      var text = "denoising: step \(done) of \(total), \(formatDuration(stepSeconds))"
      if let left = progress.remaining(at: time), left > 0 {
        text += ", \(formatRemaining(left)) left"
      }
      channel.show(text, isEnd: true)
    }
  }

  private func finish(_ stage: JobStage, _ state: inout State) {
    guard let progress = state.stage, progress.stage == stage else { return }
    let time = now()
    state.stage = nil
    state.times.append((stage, time - progress.start))
    if channel.isJSON {
      var line = Line(event: .finished, stage: stage)
      line.seconds = roundedToMilliseconds(time - progress.start)
      if progress.done > 0 { line.done = progress.done }
      emit(line)
    } else {
      channel.show(progress.lastLine(at: time), isEnd: true)
    }
  }

  /// Shows the line of the stage unless it was shown lately.
  ///
  /// - Parameter isSilence: whether nothing has happened.
  private func refresh(_ state: inout State, isSilence: Bool = false) {
    guard let progress = state.stage else { return }
    let time = now()
    let interval = channel.isTerminal ? 0.1 : channel.isJSON && !isSilence ? 5 : 30
    guard time - state.lastShown >= interval else { return }
    state.lastShown = time
    if channel.isJSON {
      emit(Line(progress, at: time))
    } else {
      channel.show(progress.line(at: time), isEnd: false)
    }
  }

  private func say(_ text: String, _ line: Line) {
    var line = line
    line.job = label
    channel.say(text, as: line)
  }

  private func emit(_ line: Line) {
    var line = line
    line.job = label
    channel.emit(line)
  }

  // MARK: The end

  /// The last lines.
  package func close(_ outcome: JobOutcome) {
    let (times, steps) = state.withLock { ($0.times, $0.steps) }
    var line = Line(event: .done, path: outcome.output)
    line.frames = outcome.frames
    line.seconds = roundedToMilliseconds(outcome.seconds)
    var text = formatDuration(outcome.seconds)
    if let output = outcome.output {
      text = "\(output): \(formatCount(outcome.frames, "frame")) in \(text)"
    }
    if case .stopped(let step) = outcome.end {
      line.event = .stopped
      line.step = step
      let whole = steps.map { " of \($0.total)" } ?? ""
      text = "stopped after step \(step)\(whole); \(text)"
    }
    say(text, line)
    guard channel.isVerbose, !channel.isJSON else { return }
    var table = TextTable([.left, .right], indent: "  ")
    for (stage, seconds) in times {
      table.add(stage.rawValue, seconds.map(formatDuration) ?? "kept")
    }
    for line in table.lines { channel.show(line, isEnd: true) }
  }

  /// How far the job is, for a line on how to go on: "step 7 of 30"; nil before the first step.
  package var place: String? {
    state.withLock { state in
      guard let steps = state.steps, steps.done > 0 else { return nil }
      return "step \(steps.done) of \(steps.total)"
    }
  }
}
