import Diffusion
import Foundation
import Layers
import MediaIO
import OutputFiles
import TensorCore

/// An image and a driving video to a video (FlashPortrait `infer.py`).
///
/// The work is done in stages, one large network in memory at a time. What a stage makes is kept in
/// the work folder: the same job again takes up what is there, and its output has the same bytes,
/// however often it was interrupted.
package final class PortraitJob {
  package let request: JobRequest
  /// What is to be done; the frames are counted when the driving video was read.
  package private(set) var plan: JobPlan

  let inputs: JobInputs
  let networks: JobNetworks
  let sizes: NetworkSizes

  /// Opens and checks every input and every network's files, and makes the plan.
  ///
  /// - Parameter networks: of this job and others before and after it.
  /// - Throws: the errors of every module, for what is wrong with an input, a parameter, a checkpoint
  ///   or the machine.
  package init(_ request: JobRequest, networks: JobNetworks) throws {
    self.request = request
    self.networks = networks
    try request.parameters.validate()
    inputs = try JobInputs(request, context: networks.context)
    networks.use(request.parameters.arithmetic)
    sizes = try NetworkSizes(
      networks, size: PictureSize(width: inputs.columns, height: inputs.rows),
      parameters: request.parameters)
    plan = try JobPlan.make(
      request, inputs, drivingFrames: inputs.frames(request.parameters).count, sizes)
    try plan.checkDisk(output: request.output)
    guard let features = inputs.features, case .features(let path, _) = request.source,
      features.features.shape[1] != sizes.expression.width
    else { return }
    throw PipelineError.features(
      path: path, expected: "\(sizes.expression.width) numbers a frame",
      found: "\(features.features.shape[1])")
  }

  /// Whether the output is there already, made from the same inputs with the same parameters.
  package var isDone: Bool {
    guard !request.overwrites, request.stopAfterStep == nil, !request.decodesPartial,
      let tags = try? MediaTags.read(request.output)  // none, or no video: not done
    else { return false }
    return JobTags.tags(request, inputs, plan, adapters: networks.models.adapters)
      .allSatisfy { tags[$0.key] == $0.value }
  }

  /// Whether a run that was killed behind its output has left its work folder.
  package var hasLeftovers: Bool { request.workFolder == nil && WorkFolder.isOne(plan.workFolder) }

  /// Removes the work folder of a job that is done, unless the user chose it.
  ///
  /// - Throws: `OutputError`, `PipelineError.workFolderBusy`.
  package func clearAway() throws {
    guard hasLeftovers else { return }
    try WorkFolder(plan.workFolder, resumes: true).remove()
  }

  /// Does what is not done yet.
  ///
  /// - Parameter report: may throw to stop the job; what is done is kept. Once the output is there,
  ///   what it throws is ignored.
  /// - Throws: what `report` throws, and the errors of every module.
  package func run(_ report: @escaping (JobEvent) throws -> Void) throws -> JobOutcome {
    let start = ContinuousClock.now
    try OutputPlace.check(request.output, overwrites: request.overwrites)
    networks.use(request.parameters.arithmetic)
    networks.use(
      plan.memoryMode,
      streamedBytes: max(0, SystemMemory.current().usable - plan.peakMemory) / 2)
    let run = try JobRun(self, report)
    let (features, clip) = try run.features()
    plan = try JobPlan.make(
      request, inputs, drivingFrames: clip.drivingFrames, sizes)
    plan.isCounted = true
    try plan.checkDisk(output: request.output)
    let end = try run.denoise(features, plan)
    var outcome = JobOutcome(end: end, output: nil, frames: 0, seconds: 0)
    if end == .finished || request.decodesPartial {
      (outcome.frames, outcome.end) = try run.video(clip, plan, after: end)
      outcome.output = request.output
      if end == .finished { run.close() }
    }
    outcome.seconds = (ContinuousClock.now - start) / .seconds(1)
    return outcome
  }
}

/// Whether an output can be written.
private enum OutputPlace {
  static func check(_ path: String, overwrites: Bool) throws {
    var status = stat()
    if !overwrites, lstat(path, &status) == 0 {
      throw OutputError.unwritable(path: path, reason: "it already exists")
    }
    // What else is wrong with its place or name would show at the very end.
    try AtomicFile(path: path).discard()
  }
}
