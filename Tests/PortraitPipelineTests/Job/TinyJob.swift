import Checkpoints
import Foundation
import MediaIO
import PortraitPipeline
import Synchronization
import TensorCore
import TestSupport

/// What jobs of a tenth of a second are made of: a tiny checkpoint, a picture, and features that were
/// never in a video.
final class TinyJob: Sendable {
  /// What a report throws to stop a job.
  struct Stop: Error {}

  /// What a run told.
  struct Told {
    var events: [JobEvent] = []

    var kept: [JobStage] {
      events.compactMap { if case .kept(let stage) = $0 { stage } else { nil } }
    }
    var begun: [JobStage] {
      events.compactMap { if case .began(let stage, _, _) = $0 { stage } else { nil } }
    }
    var notes: [String] {
      events.compactMap { if case .note(let text) = $0 { text } else { nil } }
    }
  }

  let folder: TemporaryFolder
  var checkpoints: String { folder.file("checkpoints") }
  var image: String { folder.file("portrait.png") }
  private static let checkpoint = Mutex<TemporaryFolder?>(nil)

  init(frames: Int = 20, seed: UInt64 = 1) throws {
    folder = try TemporaryFolder()
    try FileManager.default.copyItem(atPath: Self.madeCheckpoints(), toPath: checkpoints)
    try Self.writePicture(image, seed: 1)
    try Self.writeFeatures(folder.file("features.safetensors"), frames: frames, seed: seed)
  }

  /// Made once for all tests; each has a copy.
  private static func madeCheckpoints() throws -> String {
    try checkpoint.withLock { made in
      if made == nil {
        let folder = try TemporaryFolder()
        let plan = try SynthesisPlan(.tiny, networks: Set(NetworkName.allCases))
        try CheckpointSynthesis(plan, folder: folder.path, overwrites: true).run { _ in }
        made = folder
      }
      return made?.path ?? ""
    }
  }

  static func writePicture(_ path: String, seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let pixels = try Tensor(uninitialized: [40, 32, 3], dtype: .u8)
    for index in 0..<pixels.count {
      pixels.pointer.storeBytes(
        of: UInt8.random(in: 0...255, using: &generator), toByteOffset: index, as: UInt8.self)
    }
    try StillImage.writePNG(pixels, path)
  }

  static func writeFeatures(_ path: String, frames: Int, seed: UInt64) throws {
    let width = ModelGeometry.tiny.portraitEncoder.layout.width
    var generator = SeededGenerator(seed: seed)
    let values = (0..<frames * width).map { _ in Float.random(in: -1...1, using: &generator) }
    try SafetensorsWriter.write(
      [(name: "features", tensor: Tensor(values, shape: [frames, width]))], to: path,
      metadata: ["frame_rate": "25/1"])
  }

  // MARK: Jobs

  /// A job of six latent frames in three windows, the last of which overlaps more, and three steps.
  func request(
    _ output: String = "out.mp4", _ change: (inout JobParameters) -> Void = { _ in }
  ) -> JobRequest {
    var parameters = JobParameters()
    parameters.size = PictureSize(width: 32, height: 32)
    parameters.contextSize = 3
    parameters.contextOverlap = 1
    parameters.steps = 3
    parameters.sampler = .flowUniPC
    parameters.preset = .ultrafast
    change(&parameters)
    return JobRequest(
      image: image, source: .features(folder.file("features.safetensors"), soundFrom: nil),
      output: folder.file(output), parameters: parameters)
  }

  func job(_ request: JobRequest, threads: Int = 2) throws -> PortraitJob {
    let context = try ComputeContext(instructionSet: .best, threadCount: threads)
    return try PortraitJob(
      request, networks: JobNetworks(ModelFolder(checkpoints), context: context))
  }

  @discardableResult
  func run(
    _ request: JobRequest, threads: Int = 2,
    _ report: @escaping (JobEvent) throws -> Void = { _ in }
  ) throws -> JobOutcome {
    try job(request, threads: threads).run(report)
  }

  /// Runs a job to its end, and returns what it told.
  func told(_ request: JobRequest) throws -> Told {
    var told = Told()
    try run(request) { told.events.append($0) }
    return told
  }

  /// Stops a job at an event, counted from 0.
  ///
  /// - Returns: whether it was stopped; the output is there otherwise.
  func stop(_ request: JobRequest, atEvent limit: Int) throws -> Bool {
    var count = 0
    do {
      try run(request) { _ in
        if count == limit { throw Stop() }
        count += 1
      }
      return false
    } catch is Stop { return true }
  }

  // MARK: Files

  func contents(_ request: JobRequest) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: request.output))
  }

  /// The bytes that a job gives that nothing has disturbed.
  func undisturbed(_ change: (inout JobParameters) -> Void = { _ in }) throws -> Data {
    let request = request("undisturbed-\(UUID().uuidString).mp4", change)
    try run(request)
    return try contents(request)
  }

  func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
}
