import Checkpoints
import PortraitPipeline

extension JobSettings {
  /// The networks' files: flags over the list's defaults over the configuration.
  ///
  /// - Parameter adapters: that are merged before those that flags and files name.
  /// - Throws: `CommandError` for a file that is not there, `CheckpointError` for the folder,
  ///   `PipelineError`.
  func models(adapters: [ModelAdapter]) throws -> ModelFolder {
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
    for source in sources { files.merge(try source.files(base: base)) { $1 } }
    let flagged = given.files
    for path in flagged.values.sorted() { try InputPath.check(path) }
    return try ModelFolder(
      folder, files: files.merging(flagged) { $1 }, adapters: adapters + namedAdapters())
  }

  /// What is merged into the networks: flags over the list's defaults over the configuration.
  private func namedAdapters() throws -> [ModelAdapter] {
    let sources = [
      options.checkpoints.loras, list?.defaults.adapters ?? [], configuration?.adapters ?? [],
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
      inputs: inputs + options.checkpoints.files.values + options.checkpoints.loras.map(\.path),
      overwrites: request.overwrites)
  }
}
