import Checkpoints
import PortraitPipeline

/// The jobs that a command line asks for: flags over what files say over the published defaults.
struct JobSettings {
  private let command: InferCommand
  private let configuration: JobConfiguration?
  private let list: JobList?

  /// Reads the files that the flags name.
  ///
  /// - Throws: `CommandError`, `PipelineError`.
  init(_ command: InferCommand) throws {
    self.command = command
    configuration = try command.input.config.map { path in
      try InputPath.check(path)
      return try JobConfiguration(path: path)
    }
    list = try command.input.jobs.map { path in
      try InputPath.check(path)
      return try JobList(path: path)
    }
  }

  // MARK: Jobs

  /// - Throws: `CommandError.usage` for what is missing or contradicts itself.
  func entries() throws -> [JobBatch.Entry] {
    guard let list else { return [.init(try request(of: [configuration]), notes: notes)] }
    return try list.jobs.enumerated().map { index, job in
      let request = try request(of: [configuration, job.configuration])
      return JobBatch.Entry(request, label: job.name, notes: index == 0 ? notes : [])
    }
  }

  /// - Parameter files: what files say, the last one wins.
  private func request(of files: [JobConfiguration?]) throws -> JobRequest {
    let files = files.compactMap(\.self)
    var last = JobConfiguration()
    for file in files {
      last.image = file.image ?? last.image
      // One of the two in a later place replaces both.
      if file.source != nil {
        (last.drivenVideo, last.features) = (file.drivenVideo, file.features)
      }
      last.output = file.output ?? last.output
      last.memoryMode = file.memoryMode ?? last.memoryMode
      last.contextOverlap = file.contextOverlap ?? last.contextOverlap
      last.riflexIndex = file.riflexIndex ?? last.riflexIndex
    }
    let input = command.input
    last.image = input.image ?? last.image
    if input.drivenVideo != nil || input.features != nil {
      (last.drivenVideo, last.features) = (input.drivenVideo, input.features)
    }
    last.output = input.output ?? last.output
    guard let image = last.image else {
      throw CommandError.usage("--image: expected the picture to animate")
    }
    guard let source = last.source else {
      throw CommandError.usage("--driven-video: expected the video that moves the picture")
    }
    guard let output = last.outputPath else {
      throw CommandError.usage("--output: expected the video to write")
    }
    var request = JobRequest(
      image: image, source: source, output: output, parameters: try parameters(files, last))
    request.memoryMode = command.computing.memoryMode ?? last.memoryMode
    request.workFolder = command.work.workDir
    request.resumes = !command.work.noResume
    request.overwrites = input.overwrite
    request.stopAfterStep = command.work.stopAfterStep
    request.decodesPartial = command.work.decodePartial
    request.previewInterval = command.work.previewEvery
    return request
  }

  private func parameters(
    _ files: [JobConfiguration], _ last: JobConfiguration
  ) throws -> JobParameters {
    var parameters = JobParameters()
    for file in files { file.apply(to: &parameters) }
    command.video.apply(to: &parameters)
    command.denoising.apply(to: &parameters, index: last.riflexIndex)
    command.windows.apply(to: &parameters)
    if command.windows.contextOverlap == nil, last.contextOverlap == nil {
      parameters.contextOverlap = JobParameters.contextOverlap(
        ofSize: parameters.contextSize)
    }
    command.computing.apply(to: &parameters)
    try check(parameters)
    return parameters
  }

  /// What single flags cannot show: flags against what the files say.
  private func check(_ parameters: JobParameters) throws {
    if parameters.contextOverlap >= parameters.contextSize {
      throw CommandError.usage(
        "--context-overlap \(parameters.contextOverlap): expected less than the context size, "
          + "\(parameters.contextSize)")
    }
    if parameters.tilesVAE && parameters.usesTinyVAE {
      throw CommandError.usage("--tile-vae and --tiny-vae contradict each other")
    }
    let face = parameters.face
    if face.tracking == .published && face.choice != .largest {
      throw CommandError.usage("--face \(face.choice): --tracking published takes the largest face")
    }
    if let stop = command.work.stopAfterStep, stop > parameters.stepCount {
      throw CommandError.usage(
        "--stop-after-step \(stop): expected 1 to \(parameters.stepCount)")
    }
  }

  private var notes: [String] { (configuration?.notes ?? []) + (list?.defaults.notes ?? []) }

  // MARK: Files

  /// The networks' files: flags over the list's defaults over the configuration.
  ///
  /// - Throws: `CommandError` for a file that is not there, `CheckpointError` for the folder,
  ///   `PipelineError`.
  func models() throws -> ModelFolder {
    let options = command.checkpoints
    let folder = options.face.checkpoints ?? FaceNetworkOptions.usualFolder
    var files: [CheckpointLayout.Part: String] = [:]
    let base = "\(folder)/\(CheckpointLayout.base)"
    var sources = [configuration, list?.defaults].compactMap(\.self)
    if let wanModel = options.wanModel {
      guard try InputPath.check(wanModel) == .folder else {
        throw CommandError.inputIsNot(path: wanModel, expected: "a folder")
      }
      if sources.isEmpty { sources = [JobConfiguration()] }
      for index in sources.indices { sources[index].wanModel = wanModel }
    }
    for source in sources {
      files.merge(try source.files(base: base)) { $1 }
    }
    let flagged = options.files
    for path in flagged.values.sorted() { try InputPath.check(path) }
    return try ModelFolder(
      folder, files: files.merging(flagged) { $1 }, adapters: try adapters())
  }

  /// What is merged into the networks: flags over the list's defaults over the configuration.
  private func adapters() throws -> [ModelAdapter] {
    let sources = [
      command.checkpoints.loras, list?.defaults.adapters ?? [], configuration?.adapters ?? [],
    ]
    return try (sources.first { !$0.isEmpty } ?? []).map { adapter in
      try InputPath.check(adapter.path)
      return ModelAdapter(path: adapter.path, weight: adapter.weight)
    }
  }

  /// Inputs that are there, an output that may be written.
  ///
  /// - Throws: `CommandError`.
  func checkPaths(of request: JobRequest) throws {
    var inputs = [request.image]
    switch request.source {
    case .video(let path): inputs.append(path)
    case .features(let path, let sound): inputs += [path] + (sound.map { [$0] } ?? [])
    }
    for path in inputs where !path.contains("%") {
      if try InputPath.check(path) == .folder {
        throw CommandError.inputIsNot(path: path, expected: "a picture, video or features")
      }
    }
    try OutputPath.check(
      [request.output],
      inputs: inputs + command.checkpoints.files.values + command.checkpoints.loras.map(\.path),
      overwrites: request.overwrites)
  }
}
