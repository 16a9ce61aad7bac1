import Diffusion
import FlashPortraitCLI
import Foundation
import MediaIO
import PortraitPipeline
import Testing

/// Jobs one after the other, with jobs that do nothing but succeed or fail.
@Suite struct JobBatchTests {
  private struct TrialJob: RunnableJob {
    let request: JobRequest
    let plan: JobPlan
    let isDone = false
    let outcome: () throws -> Void

    func clearAway() {}

    func run(_ report: @escaping (JobEvent) throws -> Void) throws -> JobOutcome {
      try report(.began(.denoising, total: 3, resumed: 0))
      try report(.advanced(.denoising, done: 2))
      try outcome()
      try report(.finished(.denoising))
      return JobOutcome(end: .finished, output: request.output, frames: 124, seconds: 3)
    }
  }

  private static func request(_ output: String) -> JobRequest {
    JobRequest(image: "a.png", source: .video("b.mp4"), output: output)
  }

  private static func plan() throws -> JobPlan {
    JobPlan(
      size: PictureSize(width: 480, height: 640), frameRate: Rational(30000, 1001),
      drivingFrames: 124, isCounted: false, madeFrames: 125, outputFrames: 124,
      windows: try ContextWindows(latentFrames: 32, size: 20, overlap: 8), steps: 30, forwards: 120,
      memoryMode: .modelCPUOffload, peakMemory: 9_500_000_000, mappedWeights: 33_000_000_000,
      disk: 120_000_000, operations: 6.5e15, workFolder: "o.mp4.work")
  }

  private static let machine = PlanReport.Machine(peakRate: 1e12, freeMemory: 20_000_000_000)

  /// What the plan above is for people.
  private static let planLines = [
    "a.png driven by b.mp4 -> o.mp4",
    "  video    480x640, about 124 frames at 30000/1001 fps, 4.1 s",
    "  windows  2 of 20 latent frames, 8 shared",
    "  steps    30, 120 passes of the transformer",
    "  memory   model_cpu_offload: about 9.5 GB, and 33.0 GB of mapped weights; 20.0 GB free",
    "  disk     about 120.0 MB, most of it in o.mp4.work",
    "  time     about 2 h 46 min, at 65 % of 1000.0 GFLOP/s",
  ]

  /// Runs a batch.
  private func run(
    _ entries: [JobBatch.Entry], _ options: ReportingOptions = .init(logFormat: .text),
    isDryRun: Bool = false, checks: [String: any Error] = [:], runs: [String: any Error] = [:]
  ) -> (error: (any Error)?, output: String, messages: [String]) {
    let console = Console(results: TextSink(), messages: TextSink())
    var thrown: (any Error)?
    Console.$current.withValue(console) {
      let batch = JobBatch(options, isDryRun: isDryRun, machine: Self.machine) { request in
        if let error = checks[request.output] { throw error }
        return TrialJob(request: request, plan: try Self.plan()) {
          if let error = runs[request.output] { throw error }
        }
      }
      do { try batch.run(entries) } catch { thrown = error }
    }
    return (
      thrown, console.results.text,
      console.messages.text.split(separator: "\n").map(String.init)
    )
  }

  private func entries(_ names: String...) -> [JobBatch.Entry] {
    names.map { .init(Self.request("\($0).mp4"), label: $0) }
  }

  @Test func onePlanAndOnePath() {
    let result = run([.init(Self.request("o.mp4"), notes: ["c.yaml: 'x' is not used"])])
    #expect(result.error == nil)
    #expect(result.output == "o.mp4\n")
    #expect(result.messages.first == "c.yaml: 'x' is not used")
    #expect(result.messages.dropFirst().prefix(7) == Self.planLines[...])
    #expect(result.messages.last == "o.mp4: 124 frames in 3.0 s")
  }

  @Test func aDryRunIsThePlan() throws {
    let text = run([.init(Self.request("o.mp4"))], isDryRun: true)
    #expect(text.output.split(separator: "\n").map(String.init) == Self.planLines)
    #expect(text.messages.isEmpty)
    let json = run([.init(Self.request("o.mp4"))], .init(logFormat: .json), isDryRun: true)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect(object["eta_seconds"] as? Double == 10_000)
    #expect(object["memory_mode"] as? String == "model_cpu_offload")
    #expect(object["frames"] as? Int == 124)
    #expect(object["windows"] as? Int == 2 && object["window_overlap"] as? Int == 8)
    #expect(json.messages.isEmpty)
  }

  @Test func anErrorOfTheOnlyJobIsItsOwn() {
    let result = run([.init(Self.request("o.mp4"))], checks: ["o.mp4": POSIXError(.ENOSPC)])
    #expect(result.error is POSIXError)
    #expect(result.output.isEmpty && result.messages.isEmpty)
  }

  /// The greatest status counts; the others run.
  @Test func oneFailureDoesNotStopTheOthers() {
    let result = run(
      entries("a", "b", "c", "d"),
      checks: ["b.mp4": CommandError.inputMissing(path: "b.png")],
      runs: ["c.mp4": CommandError.inputOutput(path: "c.mp4", reason: "the disk is full")])
    #expect(result.output == "a.mp4\nd.mp4\n")
    #expect(
      result.error as? CommandError == .jobsFailed(failed: 2, count: 4, status: .inputOutput))
    #expect(Failure(any: result.error ?? POSIXError(.EIO)).message == "2 of 4 jobs failed")
    let errors = result.messages.filter { $0.hasPrefix("error: ") }
    #expect(
      errors == [
        "error: b: b.png: no such file or folder", "error: c: c.mp4: the disk is full",
      ])
    // What is wrong with the second is said before the first begins.
    let begin = result.messages.firstIndex { $0.hasPrefix("denoising") }
    #expect(result.messages.firstIndex(of: errors[0]) ?? .max < begin ?? 0)
  }

  @Test func aMistakeOfOursIsAFailureToo() {
    struct Stray: Error {}
    let result = run(entries("a", "b"), runs: ["a.mp4": Stray()])
    #expect(result.output == "b.mp4\n")
    #expect(
      result.error as? CommandError == .jobsFailed(failed: 1, count: 2, status: .internalError))
  }

  @Test func failuresAsJSON() throws {
    let result = run(
      entries("a", "b"), .init(logFormat: .json, quiet: true),
      runs: ["a.mp4": CommandError.inputMissing(path: "b.png")])
    #expect(
      result.messages == [
        #"{"detail":"b.png: no such file or folder","event":"error","job":"a","status":66}"#
      ])
  }

  /// An interruption ends all; the job that was in hand says where it goes on.
  @Test func anInterruptionStopsAll() {
    let result = run(
      entries("a", "b"), runs: ["a.mp4": CommandError.interrupted(signal: SIGINT)])
    #expect(result.output.isEmpty)
    #expect(
      result.error as? CommandError
        == .jobInterrupted(signal: SIGINT, place: "step 2 of 3", folder: "o.mp4.work"))
    let failure = Failure(any: result.error ?? POSIXError(.EIO))
    #expect(failure.status == .interrupted)
    #expect(
      failure.message
        == "interrupted by signal 2; the same command continues after step 2 of 3; "
        + "what is done is kept in o.mp4.work")
  }
}
