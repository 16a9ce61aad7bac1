import FlashPortraitCLI
import Foundation
import PortraitPipeline
import Synchronization
import Testing

/// Progress of made-up events at made-up times.
@Suite struct JobProgressTests {
  /// A clock that tests set.
  private final class Clock: Sendable {
    private let seconds = Mutex(100.0)

    var now: Double { seconds.withLock { $0 } }

    func advance(_ time: Double) { seconds.withLock { $0 += time } }
  }

  private let clock = Clock()

  /// What a run of events says.
  private func said(
    _ options: ReportingOptions, width: Int? = nil, stopAfterStep: Int? = nil,
    label: String? = nil, _ work: (JobProgress) -> Void
  ) -> [String] {
    let console = Console(results: TextSink(), messages: TextSink(terminalWidth: width))
    Console.$current.withValue(console) {
      let clock = clock
      work(
        JobProgress(options, label: label, stopAfterStep: stopAfterStep, now: { clock.now }))
    }
    #expect(console.results.text.isEmpty)
    return console.messages.text.split(separator: "\n").map(String.init)
  }

  private let text = ReportingOptions(logFormat: .text)
  private let json = ReportingOptions(logFormat: .json)

  /// Block `index` of steps of 2 windows of 4 blocks.
  private func place(_ index: Int, steps: Int) -> DenoisingPlace {
    DenoisingPlace(
      step: index / 8, steps: steps, window: index / 4 % 2, windows: 2, block: index % 4,
      blocks: 4, share: Double(index + 1) / Double(8 * steps))
  }

  /// Runs blocks of some seconds each, from a step on.
  private func denoise(
    _ progress: JobProgress, steps: Range<Int>, of total: Int, seconds: Double
  ) {
    for index in steps.lowerBound * 8..<steps.upperBound * 8 {
      clock.advance(seconds)
      progress.receive(.block(place(index, steps: total)))
      if index % 8 == 7 { progress.receive(.advanced(.denoising, done: index / 8 + 1)) }
    }
  }

  @Test func stagesAreLines() {
    let lines = said(text) { progress in
      progress.receive(.began(.features, total: 40, resumed: 0))
      for frame in 1...40 {
        clock.advance(2)
        progress.receive(.advanced(.features, done: frame))
      }
      progress.receive(.warning("no face in 2 of 40 frames"))
      progress.receive(.finished(.features))
      progress.receive(.kept(.text))
      progress.receive(.note("work: was made with a different --seed"))
      progress.receive(.began(.image, total: nil, resumed: 0))
      clock.advance(7200)
      progress.receive(.finished(.image))
    }
    #expect(
      lines == [
        "features: 15 of 40 frames, 37 %, 30 s, 0.50 frames/s, 50 s left",
        "features: 30 of 40 frames, 75 %, 1 min 0 s, 0.50 frames/s, 20 s left",
        "warning: no face in 2 of 40 frames",
        "features: 40 frames, 1 min 20 s",
        "text: reused from an earlier run",
        "work: was made with a different --seed",
        "image: 2 h 0 min",
      ])
  }

  @Test func stepsAreLinesAndLongOnesHaveMore() {
    let lines = said(text) { progress in
      progress.receive(.began(.denoising, total: 3, resumed: 0))
      denoise(progress, steps: 0..<3, of: 3, seconds: 10)
      progress.receive(.finished(.denoising))
    }
    #expect(
      lines == [
        "denoising: step 1/3 (30 s of 1 min 20 s), window 1/2, block 3/4, 3 min 30 s left",
        "denoising: step 1/3 (1 min 0 s of 1 min 20 s), window 2/2, block 2/4, 3 min 0 s left",
        "denoising: step 1 of 3, 1 min 20 s, 2 min 40 s left",
        "denoising: step 2/3 (30 s of 1 min 20 s), window 1/2, block 3/4, 2 min 10 s left",
        "denoising: step 2/3 (1 min 0 s of 1 min 20 s), window 2/2, block 2/4, 1 min 40 s left",
        "denoising: step 2 of 3, 1 min 20 s, 1 min 20 s left",
        "denoising: step 3/3 (30 s of 1 min 20 s), window 1/2, block 3/4, 50 s left",
        "denoising: step 3/3 (1 min 0 s of 1 min 20 s), window 2/2, block 2/4, 20 s left",
        "denoising: step 3 of 3, 1 min 20 s",
        "denoising: 3 steps, 4 min 0 s",
      ])
  }

  /// A block of a large network takes minutes: silence is filled, and the time that is left runs.
  @Test func silenceIsFilled() {
    let lines = said(text) { progress in
      progress.receive(.began(.denoising, total: 2, resumed: 0))
      for _ in 0..<65 {
        clock.advance(1)
        progress.tick()
      }
      clock.advance(35)
      progress.receive(.block(place(0, steps: 2)))
      for _ in 0..<40 {
        clock.advance(1)
        progress.tick()
      }
    }
    #expect(
      lines == [
        "denoising: step 1/2 (30 s)", "denoising: step 1/2 (1 min 0 s)",
        "denoising: step 1/2 (1 min 40 s of 13 min 20 s), window 1/2, block 1/4, "
          + "25 min 0 s left",
        "denoising: step 1/2 (2 min 10 s of 13 min 20 s), window 1/2, block 1/4, "
          + "24 min 30 s left",
      ])
  }

  /// Twenty steps of an earlier run say nothing about the speed of this one.
  @Test func onlyThisRunCounts() {
    let lines = said(text) { progress in
      progress.receive(.began(.denoising, total: 30, resumed: 20))
      // Loading the network.
      clock.advance(500)
      denoise(progress, steps: 20..<22, of: 30, seconds: 1)
      progress.receive(.finished(.denoising))
    }
    #expect(lines.first == "denoising: resuming after 20 of 30 steps")
    #expect(lines.contains("denoising: step 21 of 30, 8 min 28 s, 1 min 12 s left"))
    #expect(lines.contains("denoising: step 22 of 30, 8.0 s, 1 min 4 s left"))
    #expect(lines.last == "denoising: 22 steps (20 of them in an earlier run), 8 min 36 s")
  }

  /// A first step that an earlier run has begun.
  @Test func aWindowOfAnEarlierRunDoesNotCount() {
    let lines = said(text) { progress in
      progress.receive(.began(.denoising, total: 10, resumed: 0))
      for index in 4..<8 {
        clock.advance(1)
        progress.receive(.block(place(index, steps: 10)))
      }
      progress.receive(.advanced(.denoising, done: 1))
    }
    #expect(lines == ["denoising: step 1 of 10, 4.0 s, 1 min 12 s left"])
  }

  @Test func aRunThatStopsEarlyEndsEarlier() {
    let lines = said(text, stopAfterStep: 2) { progress in
      progress.receive(.began(.denoising, total: 30, resumed: 0))
      denoise(progress, steps: 0..<2, of: 30, seconds: 1)
      progress.receive(.finished(.denoising))
      progress.close(JobOutcome(end: .stopped(step: 2), output: nil, frames: 0, seconds: 16.4))
    }
    #expect(
      lines == [
        "denoising: step 1 of 30, 8.0 s, 8 s left", "denoising: step 2 of 30, 8.0 s",
        "denoising: 2 steps, 16 s", "stopped after step 2 of 30; 16 s",
      ])
  }

  @Test func aTerminalHasOneLineForEachStage() {
    let console = Console(results: TextSink(), messages: TextSink(terminalWidth: 60))
    Console.$current.withValue(console) {
      let clock = clock
      let progress = JobProgress(text, now: { clock.now })
      progress.receive(.began(.denoising, total: 1, resumed: 0))
      denoise(progress, steps: 0..<1, of: 1, seconds: 1)
      progress.receive(.finished(.denoising))
      progress.close(JobOutcome(end: .finished, output: "o.mp4", frames: 9, seconds: 8))
    }
    let lines = console.messages.text.split(separator: "\n")
    #expect(lines.count == 2)
    let shown = lines[0].split(separator: "\r\u{1B}[K")
    #expect(shown.count == 11)
    #expect(shown[1] == "denoising: step 1/1 (1.0 s of 8.0 s), window 1/2, block 1/4")
    #expect(shown.allSatisfy { $0.count <= 59 })
    #expect(shown.last == "denoising: 1 step, 8.0 s")
    #expect(lines[1] == "o.mp4: 9 frames in 8.0 s")
  }

  @Test func linesOfJSON() throws {
    let lines = said(json, label: "first") { progress in
      progress.receive(.began(.denoising, total: 4, resumed: 2))
      denoise(progress, steps: 2..<3, of: 4, seconds: 3)
      progress.receive(.preview(path: "p.png"))
      progress.receive(.finished(.denoising))
      progress.receive(.kept(.decoding))
      progress.close(JobOutcome(end: .finished, output: "o.mp4", frames: 9, seconds: 8.1234))
    }
    #expect(
      lines == [
        #"{"event":"began","job":"first","resumed":2,"stage":"denoising","total":4}"#,
        #"{"block":2,"blocks":4,"eta_seconds":42,"event":"progress","job":"first","#
          + #""seconds":6,"stage":"denoising","step":3,"steps":4,"window":1,"windows":2}"#,
        #"{"block":4,"blocks":4,"eta_seconds":36,"event":"progress","job":"first","#
          + #""seconds":12,"stage":"denoising","step":3,"steps":4,"window":1,"windows":2}"#,
        #"{"block":2,"blocks":4,"eta_seconds":30,"event":"progress","job":"first","#
          + #""seconds":18,"stage":"denoising","step":3,"steps":4,"window":2,"windows":2}"#,
        #"{"block":4,"blocks":4,"eta_seconds":24,"event":"progress","job":"first","#
          + #""seconds":24,"stage":"denoising","step":3,"steps":4,"window":2,"windows":2}"#,
        #"{"eta_seconds":24,"event":"step","job":"first","stage":"denoising","step":3,"#
          + #""step_seconds":24,"steps":4}"#,
        #"{"event":"preview","job":"first","path":"p.png"}"#,
        #"{"done":3,"event":"finished","job":"first","seconds":24,"stage":"denoising"}"#,
        #"{"event":"kept","job":"first","stage":"decoding"}"#,
        #"{"event":"done","frames":9,"job":"first","path":"o.mp4","seconds":8.123}"#,
      ])
  }

  @Test func quietSaysNothing() {
    let lines = said(ReportingOptions(logFormat: .text, quiet: true)) { progress in
      progress.receive(.began(.denoising, total: 1, resumed: 0))
      denoise(progress, steps: 0..<1, of: 1, seconds: 50)
      progress.receive(.warning("w"))
      progress.receive(.finished(.denoising))
      progress.close(JobOutcome(end: .finished, output: "o.mp4", frames: 9, seconds: 8))
    }
    #expect(lines.isEmpty)
  }

  @Test func verboseListsTheStages() {
    let lines = said(ReportingOptions(logFormat: .text, verbose: true)) { progress in
      progress.receive(.kept(.features))
      progress.receive(.began(.text, total: nil, resumed: 0))
      clock.advance(75)
      progress.receive(.finished(.text))
      progress.close(JobOutcome(end: .finished, output: "o.mp4", frames: 9, seconds: 76))
    }
    #expect(
      lines.suffix(3) == [
        "o.mp4: 9 frames in 1 min 16 s", "  features        kept", "  text      1 min 15 s",
      ])
  }

  @Test func spansAsPeopleReadThem() {
    let spans = [0, 9.94, 9.96, 59.4, 60, 3599, 3600, 86399, 86400, 200_000, 1e300]
    #expect(
      spans.map(formatDuration) == [
        "0.0 s", "9.9 s", "10 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "23 h 59 min",
        "1 day 0 h", "2 days 7 h", "11574074 days 1 h",
      ])
  }
}
