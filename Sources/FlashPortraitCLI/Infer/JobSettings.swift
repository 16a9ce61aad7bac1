import PortraitPipeline

/// The jobs that a command line asks for: flags over what files say over the published defaults.
struct JobSettings {
  let options: JobOptions
  let configuration: JobConfiguration?
  let list: JobList?
  /// Of `fast-infer`; nil for the command that runs all steps.
  private let acceleration: AccelerationOptions?

  /// Reads the files that the flags name.
  ///
  /// - Throws: `CommandError`, `PipelineError`.
  init(_ options: JobOptions, acceleration: AccelerationOptions? = nil) throws {
    self.options = options
    self.acceleration = acceleration
    configuration = try options.input.config.map { path in
      try InputPath.check(path)
      return try JobConfiguration(path: path)
    }
    list = try options.input.jobs.map { path in
      try InputPath.check(path)
      return try JobList(path: path)
    }
  }

  /// Does the jobs.
  ///
  /// - Throws: the errors of every module.
  func run() throws {
    let drafts = try drafts()
    let models = try models(adapters: [])
    let files = try AcceleratingCheckpoints(models, adapter: distillationAdapter)
    let entries = try drafts.map { try entry($0, files) }
    let adapter = try commonAdapter(of: entries)
    let networks = JobNetworks(
      try adapter.map { try self.models(adapters: [$0]) } ?? models)
    let arithmetic = entries.first?.request.parameters.arithmetic ?? .bf16
    let batch = JobBatch(
      options.reporting, isDryRun: options.work.dryRun, machine: .current(arithmetic)
    ) { request in
      do { try checkPaths(of: request) } catch CommandError.outputExists(let path) {
        // A list goes on behind what an earlier run of it has done; a single job says that it is,
        // unless that run was killed before it had cleared away.
        let isList = options.input.jobs != nil
        guard isList || WorkFolder.isOne(request.usualWorkFolder) else {
          throw CommandError.outputExists(path: path)
        }
        let job = try PortraitJob(request, networks: networks)
        guard job.isDone, isList || job.hasLeftovers else {
          throw CommandError.outputExists(path: path)
        }
        return job
      }
      return try PortraitJob(request, networks: networks)
    }
    try batch.run(entries)
  }

  // MARK: Jobs

  /// A job before it is known which checkpoints make it faster.
  private struct Draft {
    var label: String?
    var request: JobRequest
    var acceleration: AccelerationRequest
    var notes: [String]
  }

  /// - Throws: `CommandError.usage` for what is missing or contradicts itself.
  private func drafts() throws -> [Draft] {
    guard let list else { return [try draft(of: [configuration], notes: notes)] }
    return try list.jobs.enumerated().map { index, job in
      try draft(
        of: [configuration, job.configuration], label: job.name, notes: index == 0 ? notes : [])
    }
  }

  private var notes: [String] {
    [configuration, list?.defaults].compactMap(\.self).flatMap { file in
      file.notes + (acceleration == nil ? file.fastNotes : [])
    }
  }

  /// - Parameter files: what files say, the last one wins.
  private func draft(
    of files: [JobConfiguration?], label: String? = nil, notes: [String]
  ) throws -> Draft {
    let files = files.compactMap(\.self)
    let last = merged(files)
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
    request.overwrites = options.input.overwrite
    request.stopAfterStep = options.work.stopAfterStep
    request.decodesPartial = options.work.decodePartial
    request.previewInterval = options.work.previewEvery
    let asked = asked(files, request.parameters)
    _ = try asked.kindOfFlags()
    return Draft(label: label, request: request, acceleration: asked, notes: notes)
  }

  /// What the files say of inputs, output and machine, and the flags in their place.
  private func merged(_ files: [JobConfiguration]) -> JobConfiguration {
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
    return last
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
    // A job that is made faster may have other steps in the end.
    if acceleration == nil { try checkStop(parameters) }
  }

  private func checkStop(_ parameters: JobParameters) throws {
    guard let stop = options.work.stopAfterStep, stop > parameters.stepCount else { return }
    throw CommandError.usage("--stop-after-step \(stop): expected 1 to \(parameters.stepCount)")
  }

  // MARK: Acceleration

  private func asked(
    _ files: [JobConfiguration], _ parameters: JobParameters
  ) -> AccelerationRequest {
    var asked = AccelerationRequest()
    asked.choosesByItself = acceleration != nil
    asked.flags = options.caching.settings.over(acceleration?.settings ?? AccelerationSettings())
    for file in files {
      asked.files = file.acceleration.over(asked.files)
      asked.stepsOfFile = file.steps ?? asked.stepsOfFile
      asked.samplerOfFile = file.sampler ?? asked.samplerOfFile
      asked.usesTinyVAEOfFile = file.usesTinyVAE ?? asked.usesTinyVAEOfFile
    }
    asked.steps = options.denoising.numInferenceSteps
    asked.sampler = options.denoising.sampler
    asked.usesTinyVAE = options.computing.tinyVae
    asked.tilesVAE = parameters.tilesVAE
    return asked
  }

  private func entry(
    _ draft: Draft, _ files: AcceleratingCheckpoints
  ) throws -> JobBatch.Entry {
    let choice = try draft.acceleration.choice(from: files)
    var request = draft.request
    choice.apply(to: &request.parameters)
    try checkStop(request.parameters)
    var entry = JobBatch.Entry(request, label: draft.label, notes: draft.notes + choice.notes)
    entry.choice = choice
    return entry
  }

  /// The adapter that makes a model of a few steps; nil for one that runs as it is.
  ///
  /// - Throws: `CommandError.usage` where jobs differ in it.
  private func commonAdapter(of entries: [JobBatch.Entry]) throws -> ModelAdapter? {
    let first = entries.first
    for entry in entries where entry.choice?.adapter != first?.choice?.adapter {
      throw CommandError.usage(
        "\(entry.label ?? entry.request.output): 'acceleration': either all jobs of a list or none "
          + "can have distill: they have the same networks")
    }
    return first?.choice?.adapter
  }

  private var distillationAdapter: String? {
    list?.defaults.distillationAdapter ?? configuration?.distillationAdapter
  }
}
