import Imaging
import MediaIO
import PortraitModels
import TensorCore

/// A job's inputs, opened and checked.
struct JobInputs: Sendable {
  /// The picture at the output's size, U8 `[rows, columns, 3]`.
  let picture: Tensor
  /// nil where the features come from a file and no sound is wanted.
  let video: VideoInformation?
  /// nil where they are still to be read off the video.
  let features: FeatureFile.Contents?

  let imageIdentity: String
  /// Of the video or the file that the features come from.
  let sourceIdentity: String

  var rows: Int { picture.shape[0] }
  var columns: Int { picture.shape[1] }

  /// - Throws: `MediaError`, `ImagingError`, `CheckpointError`, `PipelineError`.
  init(_ request: JobRequest, context: ComputeContext) throws {
    picture = try Self.picture(request, on: context)
    imageIdentity = try FileIdentity.content(of: request.image)
    switch request.source {
    case .video(let path):
      video = try VideoReader(
        path: path, order: .bgr, frameRate: request.parameters.frameRate
      ).information
      features = nil
      sourceIdentity = try FileIdentity.content(of: path)
    case .features(let path, let sound):
      features = try FeatureFile.read(path)
      sourceIdentity = try FileIdentity.content(of: path)
      video = try sound.map { try VideoReader(path: $0, order: .bgr).information }
    }
  }

  private static func picture(
    _ request: JobRequest, on context: ComputeContext
  ) throws -> Tensor {
    let pixels = try StillImage.read(request.image)
    guard let size = request.parameters.size else {
      return try ReferencePicture.prepared(
        pixels, maxSize: request.parameters.maxSize, on: context)
    }
    return try ReferencePicture.prepared(
      pixels, rows: size.height, columns: size.width, on: context)
  }

  /// The rate of the output. Features have theirs already: at another one they would come out of step
  /// with the sound.
  func frameRate(_ parameters: JobParameters) -> Rational {
    features?.frameRate ?? parameters.frameRate ?? video?.frameRate ?? ConstantFrameRate.unknown
  }

  /// Frames of the source as far as they are known, and whether they were counted.
  func frames(_ parameters: JobParameters) -> (count: Int?, isCounted: Bool) {
    let count = features?.features.shape[0] ?? video?.estimatedFrameCount
    let limited = count.map { min($0, parameters.frameLimit ?? $0) }
    return (limited, features != nil)
  }
}
