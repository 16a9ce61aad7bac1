import Checkpoints
import PortraitPipeline

/// The jobs that a command line asks for: flags over what files say over the published defaults.
struct JobSettings {
  private let options: JobOptions
  private let configuration: JobConfiguration?
  private let list: JobList?

  /// Reads the files that the flags name.
  ///
  /// - Throws: `CommandError`, `PipelineError`.
  init(_ options: JobOptions) throws {
    self.options = options
    configuration = try options.input.config.map { path in
      try InputPath.check(path)
      return try JobConfiguration(path: path)
    }
    list = try options.input.jobs.map { path in
      try InputPath.check(path)
      return try JobList(path: path)
    }
  }

  // MARK: Jobs

  /// Does the jobs.
  ///
  /// - Throws: the errors of every module.
  func run() throws {
    let entries = try entries()
    let networks = JobNetworks(try models())
    let arithmetic = entries.first?.request.parameters.arithmetic ?? .bf16
    let batch = JobBatch(
      options.reporting, isDryRun: options.work.dryRun, machine: .current(arithmetic)
    ) { request in
      do { try checkPaths(of: request) } catch CommandError.outputExists(let path) {
        // A list goes on behind what an earlier run of it has done; a single job says that it is.
        let job = options.input.jobs == nil ? nil : try PortraitJob(request, networks: networks)
        guard let job, job.isDone else { throw CommandError.outputExists(path: path) }
        return job
      }
      return try PortraitJob(request, networks: networks)
    }
    try batch.run(entries)
  }

  /// - Throws: `CommandError.usage` for what is missing or contradicts itself.
  private func entries() throws -> [JobBatch.Entry] {
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
    let input = options.input
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
    request.memoryMode = options.computing.memoryMode ?? last.memoryMode
    request.workFolder = options.work.workDir
    request.resumes = !options.work.noResume
    request.overwrites = input.overwrite
    request.stopAfterStep = options.work.stopAfterStep
    request.decodesPartial = options.work.decodePartial
    request.previewInterval = options.work.previewEvery
    return request
  }

  private func parameters(
    _ files: [JobConfiguration], _ last: JobConfiguration
  ) throws -> JobParameters {
    var parameters = JobParameters()
    for file in files { file.apply(to: &parameters) }
    options.video.apply(to: &parameters)
    options.denoising.apply(to: &parameters, index: last.riflexIndex)
    options.windows.apply(to: &parameters)
    if options.windows.contextOverlap == nil, last.contextOverlap == nil {
      parameters.contextOverlap = JobParameters.contextOverlap(
        ofSize: parameters.contextSize)
    }
    options.computing.apply(to: &parameters)
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
    if let stop = options.work.stopAfterStep, stop > parameters.steps {
      throw CommandError.usage("--stop-after-step \(stop): expected 1 to \(parameters.steps)")
    }
  }

  private var notes: [String] { (configuration?.notes ?? []) + (list?.defaults.notes ?? []) }

  // MARK: Files

  /// The networks' files: flags over the list's defaults over the configuration.
  ///
  /// - Throws: `CommandError` for a file that is not there, `CheckpointError` for the folder,
  ///   `PipelineError`.
  private func models() throws -> ModelFolder {
    let given = options.checkpoints
    let folder = given.face.checkpoints ?? FaceNetworkOptions.usualFolder
    var files: [CheckpointLayout.Part: String] = [:]
    let base = "\(folder)/\(CheckpointLayout.base)"
    var sources = [configuration, list?.defaults].compactMap(\.self)
    if let wanModel = given.wanModel {
      guard try InputPath.check(wanModel) == .folder else {
        throw CommandError.inputIsNot(path: wanModel, expected: "a folder")
      }
      if sources.isEmpty { sources = [JobConfiguration()] }
      for index in sources.indices { sources[index].wanModel = wanModel }
    }
    for source in sources {
      if let adapter = source.adapters.first {
        throw CommandError.notInThisCommand(
          file: adapter.path, what: "'infer' takes no LoRA; remove it from the configuration")
      }
      files.merge(try source.files(base: base)) { $1 }
    }
    let flagged = given.files
    for path in flagged.values.sorted() { try InputPath.check(path) }
    return try ModelFolder(folder, files: files.merging(flagged) { $1 })
  }

  /// Inputs that are there, an output that may be written.
  ///
  /// - Throws: `CommandError`.
  private func checkPaths(of request: JobRequest) throws {
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
      [request.output], inputs: inputs + options.checkpoints.files.values,
      overwrites: request.overwrites)
  }
}
