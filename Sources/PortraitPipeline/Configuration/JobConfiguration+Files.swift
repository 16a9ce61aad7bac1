import Checkpoints
import Foundation

extension JobConfiguration {
  /// Reads a file; relative paths in it count from the current folder, as published.
  ///
  /// - Throws: `PipelineError`.
  package init(path: String) throws {
    let root = try YAMLFile.root(of: path, folder: nil)
    self.init()
    try ConfigurationReader(scope: .configuration).read(root, into: &self)
  }

  /// The files of networks that are named, for `ModelFolder`.
  ///
  /// What is published under the same path is left to the layout, which also knows it converted.
  ///
  /// - Parameter base: the base's folder, for what is named below it where no `wan_model_name` is
  ///   given.
  /// - Throws: `PipelineError.configurationFileMissing`.
  package func files(base: String) throws -> [CheckpointLayout.Part: String] {
    var files: [CheckpointLayout.Part: String] = [:]
    if let wanModel {
      for item in CheckpointLayout.items {
        if let location = item.location(inBase: wanModel) {
          files[item.part] = "\(wanModel)/\(location)"
        }
      }
    }
    for (part, named) in subpaths {
      let path = "\(wanModel ?? base)/\(named.path)"
      files[part] = try Self.existing(path, part, named)
    }
    for (part, named) in networkFiles {
      files[part] = try Self.existing(named.path, part, named)
    }
    return files
  }

  /// A tokenizer's file where its folder is named, as published.
  private static func existing(
    _ path: String, _ part: CheckpointLayout.Part, _ named: NamedFile
  ) throws -> String {
    var isFolder: ObjCBool = false
    let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    guard isThere else {
      throw PipelineError.configurationFileMissing(named.place, key: named.key, file: path)
    }
    guard isFolder.boolValue else { return path }
    let name = URL(fileURLWithPath: CheckpointLayout.item(part).path).lastPathComponent
    return try existing("\(path)/\(name)", part, named)
  }

  /// The video to write: `output`, or in the folder that it names a file named after the picture and
  /// what drives it.
  package var outputPath: String? {
    guard let output, !output.lowercased().hasSuffix(".mp4") else { return output }
    let names = [image, features ?? drivenVideo].compactMap { path in
      path.map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent }
    }
    guard !names.isEmpty else { return nil }
    let folder = output.hasSuffix("/") ? String(output.dropLast()) : output
    return "\(folder)/\(names.joined(separator: "-")).mp4"
  }

  /// What drives the portrait, nil where neither a video nor features are given.
  package var source: JobRequest.Source? {
    features.map { .features($0, soundFrom: drivenVideo) } ?? drivenVideo.map { .video($0) }
  }
}
