import Checkpoints
import MediaIO
import PortraitModels
import TensorCore

/// The file in which the expression features of a driving video are kept (safetensors).
///
/// | tensor | shape | contents |
/// | --- | --- | --- |
/// | `features` | `[frames, 554]` F32 | head pose 6, eyes 6, emotion 30, mouth 512 |
/// | `landmarks` | `[frames, 222, 2]` F32 | x and y in pixels, smoothed; 0 without a face |
/// | `boxes` | `[frames, 4]` F32 | left, top, right, bottom in pixels; 0 without a face |
/// | `angles` | `[frames, 3]` F32 | pitch, yaw and roll as the landmark network answers |
/// | `valid` | `[frames]` BOOL | whether the frame shows the face |
///
/// The metadata tell the video's `frame_rate` (a ratio), `width` and `height`, the choice of the
/// `face` and its `tracking`, and the frames at which new shots begin (`cuts`).
package enum FeatureFile {
  package static let format = "flashportrait-features-1"

  /// Writes the file; equal features give equal bytes.
  ///
  /// - Parameter metadata: further ones.
  /// - Throws: `OutputError`, `TensorError`.
  package static func write(
    _ found: ExpressionFeatures, of video: VideoInformation, options: FaceOptions, to path: String,
    metadata: [String: String] = [:]
  ) throws {
    let valid = try Tensor(uninitialized: [found.frames], dtype: .bool)
    for (frame, isValid) in found.validity.enumerated() {
      valid.pointer.storeBytes(of: isValid ? 1 : 0, toByteOffset: frame, as: UInt8.self)
    }
    try SafetensorsWriter.write(
      [
        ("features", found.features), ("landmarks", found.landmarks), ("boxes", found.boxes),
        ("angles", found.angles), ("valid", valid),
      ], to: path,
      metadata: [
        "format": format,
        "frame_rate": "\(video.frameRate.numerator)/\(video.frameRate.denominator)",
        "width": "\(video.columns)", "height": "\(video.rows)",
        "face": options.choice.description, "tracking": options.tracking.rawValue,
        "cuts": found.cuts.map(String.init).joined(separator: ","),
      ].merging(metadata) { $1 })
  }

  /// What a job takes from a file of features.
  package struct Contents: Sendable {
    /// `[frames, width]` float32, in the mapped file.
    package let features: Tensor
    package let frameRate: Rational
  }

  /// Reads what a job needs.
  ///
  /// - Parameter width: numbers of a frame that the portrait encoder takes; nil for any.
  /// - Throws: `CheckpointError`, `PipelineError.features`.
  package static func read(_ path: String, width: Int? = nil) throws -> Contents {
    try contents(of: Checkpoint.openFile(path), width: width)
  }

  static func contents(of file: any TensorFile, width: Int?) throws -> Contents {
    let tensor = try file.tensor("features")
    guard tensor.dtype == .f32, tensor.shape.rank == 2, tensor.shape[0] > 0,
      width.map({ $0 == tensor.shape[1] }) ?? true
    else {
      throw PipelineError.features(
        path: file.path, expected: "features F32 [frames, \(width.map(String.init) ?? "width")]",
        found: "\(tensor.dtype.rawValue) \(tensor.shape)")
    }
    let text = file.metadata["frame_rate"] ?? "nothing"
    guard let rate = Rational(text: text), rate.numerator > 0 else {
      throw PipelineError.features(
        path: file.path, expected: "a frame_rate like 30000/1001 in the metadata", found: text)
    }
    return Contents(features: tensor, frameRate: rate)
  }
}
