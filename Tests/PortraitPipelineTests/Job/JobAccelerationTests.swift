import Checkpoints
import Diffusion
import Foundation
import PortraitPipeline
import TestSupport
import Testing

/// Jobs whose steps are not all computed: stopped, killed and damaged they give the same bytes.
@Suite(.serialized) struct JobAccelerationTests {
  private let tiny: TinyJob

  init() throws { tiny = try TinyJob() }

  /// Ways of saving passes over seven steps, each of which computes some and makes others.
  enum Way: CaseIterable {
    case prediction, cache

    func apply(to parameters: inout JobParameters) {
      parameters.steps = 7
      switch self {
      case .prediction:
        var prediction = LatentPrediction()
        (prediction.interval, prediction.order) = (2, 2)
        parameters.acceleration = .prediction(prediction)
      case .cache:
        // Weights that follow a formula make much of every step; of these 1, 3, 4 and 6 are made.
        var cache = TeaCache()
        (cache.threshold, cache.startSteps) = (12_000, 1)
        parameters.acceleration = .teaCache(cache)
      }
    }
  }

  private func request(_ way: Way, _ output: String = "out.mp4") -> JobRequest {
    tiny.request(output) { way.apply(to: &$0) }
  }

  private func expected(_ way: Way) throws -> Data {
    try tiny.undisturbed { way.apply(to: &$0) }
  }

  /// Steps of every window whose blocks all ran, and those that were told of by their last one alone.
  private func steps(_ told: TinyJob.Told) -> (computed: Set<[Int]>, made: Set<[Int]>) {
    var blocks: [[Int]: Int] = [:]
    for case .block(let place) in told.events {
      blocks[[place.step, place.window], default: 0] += 1
    }
    return (Set(blocks.filter { $1 > 1 }.keys), Set(blocks.filter { $1 == 1 }.keys))
  }

  @Test(arguments: Way.allCases)
  func someStepsAreMade(way: Way) throws {
    let told = try tiny.told(request(way))
    let (computed, made) = steps(told)
    #expect(computed.count + made.count == 7 * 3)
    #expect(made.count >= 3 && computed.count >= 9)
    if way == .prediction {
      // Steps 1, 3 and 5, unless a prediction was out of family.
      #expect(made.isSubset(of: Set([1, 3, 5].flatMap { step in (0..<3).map { [step, $0] } })))
    }
    #expect(told.notes.count == 1)
    let note = told.notes.first ?? ""
    let word = way == .prediction ? "predicted" : "from the cache"
    #expect(
      note.contains("\(computed.count) steps of windows computed, \(made.count) \(word)"))
    var full = tiny.request("full.mp4")
    full.parameters.steps = 7
    try tiny.run(full)
    #expect(try tiny.contents(full) != tiny.contents(request(way)))
  }

  @Test(arguments: Way.allCases)
  func theShareOfTheWorkGrowsToAll(way: Way) throws {
    let told = try tiny.told(request(way))
    let shares = told.events.compactMap {
      if case .block(let place) = $0 { place.share } else { nil }
    }
    #expect(zip(shares, shares.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(abs((shares.last ?? 0) - 1) < 1e-12)
  }

  @Test(arguments: Way.allCases)
  func theJobMayBeStoppedAtEveryEvent(way: Way) throws {
    let expected = try expected(way)
    var event = 0
    while true {
      let request = request(way, "stopped-\(event).mp4")
      let isStopped = try tiny.stop(request, atEvent: event)
      guard isStopped, !tiny.exists(request.output) else { break }
      try tiny.run(request, threads: 1 + event % 3)
      #expect(try tiny.contents(request) == expected, "stopped at event \(event)")
      #expect(!tiny.exists(request.output + ".work"))
      event += 5
    }
    #expect(event > 25)
  }

  @Test(arguments: Way.allCases)
  func theJobMayBeKilledAtEveryEvent(way: Way) throws {
    let request = request(way, "whole.mp4")
    var kept: [String] = []
    var count = 0
    try tiny.run(request) { _ in
      defer { count += 1 }
      guard count.isMultiple(of: 4) else { return }
      let copy = "\(request.output).\(kept.count).mp4.work"
      try FileManager.default.copyItem(atPath: "\(request.output).work", toPath: copy)
      kept.append(copy)
    }
    let expected = try tiny.contents(request)
    for (event, folder) in kept.enumerated() {
      let output = String(folder.dropLast(".work".count))
      let again = self.request(way, URL(fileURLWithPath: output).lastPathComponent)
      let told = try tiny.told(again)
      #expect(try tiny.contents(again) == expected, "killed at event \(event)")
      #expect(!told.notes.contains { $0.contains("missing") }, "killed at event \(event)")
    }
    #expect(kept.count > 10)
  }

  /// The state is there, but not all that it goes on from.
  @Test(arguments: Way.allCases, [true, false])
  func withoutAPassTheDenoisingStartsOver(way: Way, isDeleted: Bool) throws {
    let expected = try expected(way)
    let request = request(way)
    #expect(throws: TinyJob.Stop.self) {
      try tiny.run(request) {
        if case .block(let place) = $0, place.step == 5 { throw TinyJob.Stop() }
      }
    }
    let passes = "\(request.output).work/passes"
    let names = try FileManager.default.contentsOfDirectory(atPath: passes).sorted()
    // Two branches of three windows.
    let limit = request.parameters.acceleration.keptPassLimit
    #expect((6...6 * limit).contains(names.count))
    let file = URL(fileURLWithPath: "\(passes)/\(names[names.count - 1])")
    if isDeleted {
      try FileManager.default.removeItem(at: file)
    } else {
      try Data(contentsOf: file).dropLast(1).write(to: file)
    }
    let told = try tiny.told(request)
    #expect(told.notes.contains { $0.contains("denoising starts over") })
    #expect(try tiny.contents(request) == expected)
  }

  /// Of a run that is through, nothing is left to go on from.
  @Test(arguments: Way.allCases)
  func theEndNeedsNoPasses(way: Way) throws {
    var request = request(way)
    request.workFolder = tiny.folder.file("work")
    try tiny.run(request)
    let left = try FileManager.default.subpathsOfDirectory(atPath: tiny.folder.file("work"))
    #expect(left.contains("latents.safetensors"))
    #expect(!left.contains { $0.hasPrefix("passes/") })
  }

  /// A full step of Adaptive Latent Prediction at every step is the job without it.
  @Test func anIntervalOfOneChangesNothing() throws {
    var prediction = LatentPrediction()
    prediction.interval = 1
    let names = ["plain", "predicted"]
    for (name, acceleration) in zip(names, [Acceleration.none, .prediction(prediction)]) {
      var request = tiny.request("\(name).mp4") { $0.acceleration = acceleration }
      request.workFolder = tiny.folder.file(name)
      try tiny.run(request)
    }
    let latents = try names.map {
      try Checkpoint.openFile("\(tiny.folder.file($0))/latents.safetensors").tensor("latents")
        .bytes()
    }
    #expect(latents[0] == latents[1])
  }
}
