import ArgumentParser
import Checkpoints
import PortraitPipeline

/// Where the networks of the face are: a folder of checkpoints, or single files that win over it.
struct FaceNetworkOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The folder of checkpoints, as downloaded. Default: checkpoints.", valueName: "folder"),
    completion: .directory)
  var checkpoints: String?

  /// Where the checkpoints are unless a flag says so.
  static let usualFolder = "checkpoints"

  @Option(
    help: ArgumentHelp("Use this file as the face detector.", valueName: "file.onnx"),
    completion: .file(extensions: ["onnx"]))
  var faceDet: String?

  @Option(
    help: ArgumentHelp("Use this file as the network of face landmarks.", valueName: "file.onnx"),
    completion: .file(extensions: ["onnx"]))
  var faceLandmark: String?

  @Option(
    help: ArgumentHelp("Use this file as the motion encoder.", valueName: "file"),
    completion: .file())
  var pdFgc: String?

  /// The files that were given singly.
  var files: [CheckpointLayout.Part: String] {
    let given: [(CheckpointLayout.Part, String?)] = [
      (.faceDetector, faceDet), (.faceLandmarks, faceLandmark), (.motionEncoder, pdFgc),
    ]
    return Dictionary(
      uniqueKeysWithValues: given.compactMap { part, path in path.map { (part, $0) } })
  }

  /// - Throws: `CommandError` where a file that was given is not there, `CheckpointError` where the
  ///   folder is not, `PipelineError`.
  func models() throws -> ModelFolder {
    for path in files.values.sorted() { try InputPath.check(path) }
    return try ModelFolder(checkpoints ?? Self.usualFolder, files: files)
  }
}
