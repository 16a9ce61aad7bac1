import Checkpoints
import Diffusion
import Foundation
import PortraitPipeline
import TestSupport
import Testing

/// However often a job is stopped or killed, its output has the bytes of one that was not.
///
/// One at a time: each computes on several threads, and others wait for their turn beside them.
@Suite(.serialized) struct JobResumeTests {
  private let tiny: TinyJob

  init() throws { tiny = try TinyJob() }

  /// Every second event of the job of one sampler, which is every kind of event; fewer of the others'.
  @Test(arguments: [(SamplerKind.flowUniPC, 2), (.flow, 5), (.flowDPM, 5)])
  func aJobMayBeStoppedAtEveryEvent(sampler: SamplerKind, stride: Int) throws {
    let expected = try tiny.undisturbed { $0.sampler = sampler }
    var event = 0
    while true {
      let request = tiny.request("stopped-\(event).mp4") { $0.sampler = sampler }
      let isStopped = try tiny.stop(request, atEvent: event)
      // Once the output is there, nothing can be stopped.
      guard isStopped, !tiny.exists(request.output) else { break }
      let told = try tiny.told(request)
      #expect(try tiny.contents(request) == expected, "stopped at event \(event)")
      #expect(told.notes.isEmpty, "stopped at event \(event): \(told.notes)")
      #expect(!tiny.exists(request.output + ".work"))
      event += stride
    }
    // Three steps of three windows, each with a report for every block, are among them.
    #expect(event > 30)
  }

  /// What lies in the work folder at an event is what a run leaves that is killed there.
  @Test(arguments: [SamplerKind.flowUniPC, .flowDPM])
  func aJobMayBeKilledAtEveryEvent(sampler: SamplerKind) throws {
    let request = tiny.request("whole.mp4") { $0.sampler = sampler }
    var kept: [String] = []
    try tiny.run(request) { _ in
      let copy = "\(request.output).\(kept.count).mp4.work"
      try FileManager.default.copyItem(atPath: "\(request.output).work", toPath: copy)
      kept.append(copy)
    }
    let expected = try tiny.contents(request)
    for (event, folder) in kept.enumerated() {
      let output = String(folder.dropLast(".work".count))
      let name = URL(fileURLWithPath: output).lastPathComponent
      let again = tiny.request(name) { $0.sampler = sampler }
      let told = try tiny.told(again)
      #expect(try tiny.contents(again) == expected, "killed at event \(event)")
      #expect(told.notes.isEmpty, "killed at event \(event): \(told.notes)")
    }
    #expect(kept.count > 30)
  }

  /// Each run gets as far as a window further, whatever it was taken up from.
  @Test func aJobMayBeStoppedOverAndOver() throws {
    let expected = try tiny.undisturbed()
    let request = tiny.request()
    var runs = 0
    while runs < 40, try tiny.stop(request, atEvent: 8) { runs += 1 }
    #expect((4..<40).contains(runs))
    #expect(try tiny.contents(request) == expected)
  }

  /// In the middle of a step one of the windows is done; the numbers of the run say so.
  @Test func aStepIsTakenUpInItsMiddle() throws {
    let request = tiny.request()
    #expect(throws: TinyJob.Stop.self) {
      try tiny.run(request) {
        if case .block(let place) = $0, place.step == 1, place.window == 1 { throw TinyJob.Stop() }
      }
    }
    let told = try tiny.told(request)
    #expect(told.kept == [.text, .image, .condition])
    guard
      let first = told.events.lazy.compactMap({
        if case .block(let place) = $0 { place } else { nil }
      }).first
    else {
      Issue.record("no block was computed")
      return
    }
    #expect(first.step == 1 && first.window == 1 && first.block == 0)
    #expect(try tiny.contents(request) == tiny.undisturbed())
  }

  @Test func anyNumberOfThreadsTakesUpWhatAnotherHasBegun() throws {
    let expected = try tiny.undisturbed()
    let request = tiny.request()
    for (threads, place) in [(1, 12), (3, 12), (4, 1_000)] {
      var count = 0
      do {
        try tiny.run(request, threads: threads) { _ in
          count += 1
          if count > place { throw TinyJob.Stop() }
        }
      } catch is TinyJob.Stop {}
    }
    #expect(try tiny.contents(request) == expected)
  }

  /// A run that was killed while it joined the pieces has left a part of the output beside it.
  @Test func abandonedPartsOfTheOutputGo() throws {
    let names = [".out.mp4.123-456.partial", ".other.mp4.123-456.partial", ".out.mp4.mine"]
    for name in names { _ = try tiny.folder.write([1, 2, 3], to: name) }
    try tiny.run(tiny.request("out.mp4"))
    #expect(names.map { tiny.exists(tiny.folder.file($0)) } == [false, true, true])
  }

  // MARK: Stopping on purpose

  /// The estimate is that of the last whole step, in whichever window a run was stopped.
  @Test func whatIsThereIsDecoded() throws {
    var straight = tiny.request("straight.mp4")
    (straight.stopAfterStep, straight.decodesPartial) = (2, true)
    let outcome = try tiny.run(straight)
    #expect(outcome.end == .stopped(step: 2) && outcome.frames == 20)
    let expected = try tiny.contents(straight)

    for window in 0..<3 {
      var request = tiny.request("interrupted-\(window).mp4")
      #expect(throws: TinyJob.Stop.self) {
        try tiny.run(request) {
          if case .block(let place) = $0, place.step == 2, place.window == window {
            throw TinyJob.Stop()
          }
        }
      }
      request.decodesPartial = true
      let outcome = try tiny.run(request)
      #expect(outcome.end == .stopped(step: 2))
      #expect(try tiny.contents(request) == expected, "window \(window)")
      // What was decoded on the way does not keep the job from its end.
      (request.decodesPartial, request.overwrites) = (false, true)
      try tiny.run(request)
      #expect(try tiny.contents(request) == tiny.undisturbed())
    }
  }

  @Test func withoutAStepThereIsNothingToDecode() throws {
    var request = tiny.request()
    request.decodesPartial = true
    #expect {
      try tiny.run(request)
    } throws: { error in
      if case PipelineError.nothingKept = error { true } else { false }
    }
    #expect(!tiny.exists(request.output) && !tiny.exists(request.output + ".work"))
  }

  @Test func aJobMayBeStoppedAfterEachStep() throws {
    var request = tiny.request()
    for step in 1...2 {
      request.stopAfterStep = step
      let outcome = try tiny.run(request)
      #expect(outcome.end == .stopped(step: step) && outcome.output == nil)
    }
    #expect(!tiny.exists(request.output))
    request.stopAfterStep = 3
    #expect(try tiny.run(request).end == .finished)
    #expect(try tiny.contents(request) == tiny.undisturbed())
  }

  /// What is done stays done.
  @Test func anEarlierStopIsPassed() throws {
    let tiny = try TinyJob()
    var request = tiny.request()
    request.stopAfterStep = 2
    #expect(try tiny.run(request).end == .stopped(step: 2))
    request.stopAfterStep = 1
    #expect(try tiny.run(request).end == .stopped(step: 2))
  }

  /// What a stopped job decodes is where its latents are going, not the latents.
  @Test func theEstimateFollowsTheLatents() throws {
    let tiny = try TinyJob()
    var request = tiny.request { $0.sampler = .flow }
    request.stopAfterStep = 1
    let job = try tiny.job(request)
    _ = try job.run { _ in }
    let folder = job.plan.workFolder
    let latents = try Checkpoint.openFile("\(folder)/latents.safetensors").tensor("latents")
    let estimate = try Checkpoint.openFile("\(folder)/estimate.safetensors").tensor("latents")
    let sigmas = try NoiseSchedule.euler(steps: 3, shift: request.parameters.shift).sigmas
    let noise = try request.parameters.noise(
      frames: job.plan.latentFrames, size: job.plan.size)
    let expected = try CleanEstimate.latents(
      from: noise, at: sigmas[0], to: latents, at: sigmas[1])
    let isAsExpected = try expected.floats() == estimate.floats()
    #expect(isAsExpected)
  }
}
