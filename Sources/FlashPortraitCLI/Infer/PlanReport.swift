import Foundation
import MediaIO
import PortraitPipeline
import TensorCore

/// What a job will do and need, before it does.
package struct PlanReport: Encodable, Sendable {
  /// Of the machine, measured just now.
  package struct Machine: Sendable {
    /// Operations a second in registers.
    package var peakRate: Double
    /// Bytes.
    package var freeMemory: Int

    package init(peakRate: Double, freeMemory: Int) {
      self.peakRate = peakRate
      self.freeMemory = freeMemory
    }

    /// - Parameter arithmetic: of the job.
    package static func current(_ arithmetic: Arithmetic) -> Machine {
      Machine(
        peakRate: PeakRate.measure(arithmetic), freeMemory: SystemMemory.current().usable)
    }
  }

  /// Of the peak rate, what whole jobs reach; BENCHMARKS.md has the figures of the networks.
  private static let reachedShare = 0.65

  private let event = JobProgress.Line.Event.plan
  private let job: String?
  private let image: String
  private let drivenVideo: String?
  private let features: String?
  private let output: String
  private let width: Int
  private let height: Int
  private let frameRate: String
  private let frames: Int
  private let framesAreCounted: Bool
  private let seconds: Double
  private let windows: Int
  private let windowLatentFrames: Int
  private let windowOverlap: Int
  private let steps: Int
  private let forwards: Int
  private let speed: AccelerationChoice?
  private let memoryMode: String
  private let peakMemoryBytes: Int
  private let mappedWeightBytes: Int
  private let freeMemoryBytes: Int
  private let diskBytes: Int
  private let workFolder: String
  private let etaSeconds: Double
  private let peakGflops: Double

  /// - Parameters:
  ///   - label: of the job among others; nil where it is the only one.
  ///   - choice: what makes it faster.
  package init(
    _ request: JobRequest, _ plan: JobPlan, label: String? = nil,
    choice: AccelerationChoice? = nil, on machine: Machine
  ) {
    job = label
    image = request.image
    switch request.source {
    case .video(let path): (drivenVideo, features) = (path, nil)
    case .features(let path, let sound): (drivenVideo, features) = (sound, path)
    }
    output = request.output
    (width, height) = (plan.size.width, plan.size.height)
    frameRate = plan.frameRate.description
    frames = plan.outputFrames
    framesAreCounted = plan.isCounted
    seconds = roundedToMilliseconds(Double(plan.outputFrames) / plan.frameRate.value)
    windows = plan.windows.windows.count
    windowLatentFrames = plan.windows.windows.first?.count ?? 0
    windowOverlap = plan.windows.overlaps.dropFirst().first ?? 0
    steps = plan.steps
    forwards = plan.forwards
    speed = choice
    memoryMode = plan.memoryMode.rawValue
    peakMemoryBytes = plan.peakMemory
    mappedWeightBytes = plan.mappedWeights
    freeMemoryBytes = machine.freeMemory
    diskBytes = plan.disk
    workFolder = plan.workFolder
    etaSeconds = roundedToMilliseconds(
      plan.operations / (machine.peakRate * Self.reachedShare))
    peakGflops = (machine.peakRate * 1e-9 * 10).rounded() / 10
  }

  /// The plan for people.
  package var lines: [String] {
    let about = framesAreCounted ? "" : "about "
    let name = job.map { "\($0): " } ?? ""
    let driver = features ?? drivenVideo ?? ""
    var table = TextTable([.left, .left], indent: "  ")
    table.add(
      "video",
      "\(width)x\(height), \(about)\(formatCount(frames, "frame")) at \(frameRate) fps, "
        + formatDuration(seconds))
    if features != nil { table.add("sound", drivenVideo ?? "none") }
    let shared = windows > 1 ? ", \(windowOverlap) shared" : ""
    table.add(
      "windows",
      "\(windows) of \(formatCount(windowLatentFrames, "latent frame"))\(shared)")
    table.add("steps", "\(steps), \(formatCount(forwards, "pass", "passes")) of the transformer")
    for row in speed?.rows ?? [] { table.add(row.title, row.text) }
    table.add(
      "memory",
      "\(memoryMode): about \(formatBytes(peakMemoryBytes)), and \(formatBytes(mappedWeightBytes)) "
        + "of mapped weights; \(formatBytes(freeMemoryBytes)) free")
    table.add("disk", "about \(formatBytes(diskBytes)), most of it in \(workFolder)")
    table.add(
      "time",
      "about \(formatDuration(etaSeconds)), at \(Int(Self.reachedShare * 100)) % of "
        + "\(formatRate(peakGflops)) GFLOP/s")
    return ["\(name)\(image) driven by \(driver) -> \(output)"] + table.lines
  }
}
