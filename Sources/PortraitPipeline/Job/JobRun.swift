import Checkpoints
import Diffusion
import Foundation
import Imaging
import MediaIO
import OutputFiles
import PortraitModels
import TensorCore
import WanModels

/// One run of a job: its work folder, and what the stages do with it.
final class JobRun {
  let job: PortraitJob
  let report: (JobEvent) throws -> Void
  let folder: WorkFolder
  let fingerprints: JobFingerprints
  let record: DenoisingRecord

  var parameters: JobParameters { job.request.parameters }
  var networks: JobNetworks { job.networks }

  init(_ job: PortraitJob, _ report: @escaping (JobEvent) throws -> Void) throws {
    self.job = job
    self.report = report
    fingerprints = try JobFingerprints(
      job.request, job.inputs, job.plan, models: job.networks.models,
      instructionSet: job.networks.context.instructionSet)
    folder = try WorkFolder(job.plan.workFolder, resumes: job.request.resumes)
    // A run that was killed while it joined the pieces has left one beside the output.
    let output = URL(fileURLWithPath: job.request.output)
    try AtomicFile.removeAbandoned(
      in: output.deletingLastPathComponent().path, of: output.lastPathComponent)
    record = DenoisingRecord(folder, fingerprints.latents)
  }

  /// Removes what was kept, unless the user chose the folder. The output is there: what cannot be
  /// removed is told and no failure, and nothing can be stopped any more.
  func close() {
    guard job.request.workFolder == nil else { return }
    do { try folder.remove() } catch {
      do { try report(.warning("\(error)")) } catch {}
    }
  }

  /// A stage's file of an earlier run; tells what of an earlier run cannot be used.
  func kept(
    _ file: JobFile, _ fingerprint: Fingerprint, stage: JobStage
  ) throws -> (any TensorFile)? {
    let found = folder.kept(file.rawValue, fingerprint)
    try tellNotes()
    if found != nil { try report(.kept(stage)) }
    return found
  }

  /// Tells what the work folder has to say.
  func tellNotes() throws {
    for note in folder.takeNotes() { try report(.note(note)) }
  }

  // MARK: Expression

  /// The features of all made frames, and how long the clip is.
  func features() throws -> (Tensor, ClipLength) {
    let contents = try job.inputs.features ?? readFeatures(width: job.sizes.expression.width)
    let frames = contents.features.shape[0]
    let clip = try ClipLength(
      drivingFrames: min(frames, parameters.frameLimit ?? frames), length: parameters.length)
    return (try clip.extended(contents.features), clip)
  }

  private func readFeatures(width: Int) throws -> FeatureFile.Contents {
    if let file = try kept(.features, fingerprints.features, stage: .features) {
      return try FeatureFile.contents(of: file, width: width)
    }
    guard case .video(let video) = job.request.source else {
      preconditionFailure("features come from a file or a video")
    }
    let path = folder.file(JobFile.features.rawValue)
    let reading = try FeatureJob(
      .init(
        video: video, output: path, options: parameters.face, frameLimit: parameters.frameLimit,
        frameRate: parameters.frameRate, metadata: folder.metadata(fingerprints.features)),
      models: networks.models, execution: networks.execution)
    try report(.began(.features, total: reading.expectedFrames, resumed: 0))
    var passes = 0
    _ = try reading.run { event in
      switch event {
      case .frame:
        passes += 1
        // The video is gone through twice: to find the face, and to read it.
        if passes.isMultiple(of: 2) { try self.report(.advanced(.features, done: passes / 2)) }
      case .warning(let text): try self.report(.warning("\(video): \(text)"))
      }
    }
    try report(.finished(.features))
    return try FeatureFile.read(path, width: width)
  }

  // MARK: Prompt and picture

  /// The rows of the prompt, and those of the negative prompt where guidance uses it.
  func text() throws -> (prompt: Tensor, negative: Tensor?) {
    let prompts =
      [parameters.prompt] + (parameters.textScale == 1 ? [] : [parameters.negativePrompt])
    let names = ["prompt", "negative_prompt"].prefix(prompts.count)
    if let file = try kept(.text, fingerprints.text, stage: .text) {
      let rows = try names.map(file.tensor)
      return (rows[0], rows.count > 1 ? rows[1] : nil)
    }
    try report(.began(.text, total: nil, resumed: 0))
    let tokenizer = try networks.models.tokenizer()
    let tokens = try prompts.map { prompt in
      let encoding = try tokenizer.encode(PromptText.withSingleSpaces(prompt))
      if encoding.cutCount > 0 {
        try report(
          .warning("the prompt is too long: its last \(encoding.cutCount) tokens are ignored"))
      }
      return TextTokens(encoding.ids)
    }
    let rows = try networks.textEncoder()(tokens)
    try folder.write(
      JobFile.text.rawValue, zip(names, rows).map { (name: $0, tensor: $1) }, fingerprints.text)
    try report(.finished(.text))
    return (rows[0], rows.count > 1 ? rows[1] : nil)
  }

  /// The picture's rows of the image encoder.
  func image() throws -> Tensor {
    if let file = try kept(.image, fingerprints.image, stage: .image) {
      return try file.tensor("image")
    }
    try report(.began(.image, total: nil, resumed: 0))
    let encoder = try networks.imageEncoder()
    let pixels = try ConditionLatents.pixels(of: job.inputs.picture, on: networks.context)
    let shape = pixels.shape
    let rows = try encoder(
      encoder.preprocess(pixels.reshaped([1, shape[0], shape[1], shape[2]])))
    let image = try rows.reshaped([rows.shape[1], rows.shape[2]])
    try folder.write(
      JobFile.image.rawValue, [(name: "image", tensor: image)], fingerprints.image)
    try report(.finished(.image))
    return image
  }

  /// What every window is told of the picture: `[20, frames of a window, H, W]`.
  func condition(frames: Int) throws -> Tensor {
    var fingerprint = fingerprints.condition
    fingerprint.add("frames of a window", frames)
    if let file = try kept(.condition, fingerprint, stage: .condition) {
      return try file.tensor("condition")
    }
    try report(.began(.condition, total: nil, resumed: 0))
    let condition = try ConditionLatents.make(
      picture: job.inputs.picture, latentFrames: frames, encoder: networks.vaeEncoder(),
      tiling: parameters.tiling)
    try folder.write(
      JobFile.condition.rawValue, [(name: "condition", tensor: condition)], fingerprint)
    try report(.finished(.condition))
    return condition
  }
}
