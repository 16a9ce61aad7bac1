import TensorCore
import WanModels

/// What every window believes its first frame to be: the picture, encoded, under a mask that says
/// which latent frame is given (FlashPortrait `WanI2VLongPipeline`, `mask_latents` and
/// `masked_video_latents`).
package enum ConditionLatents {
  /// Channels of the mask; the latents follow them.
  static let maskChannels = 4

  /// A picture's bytes as the networks take them.
  ///
  /// - Parameter picture: U8 `[rows, columns, 3]`.
  /// - Returns: `[rows, columns, 3]` float32 in -1 ... 1.
  /// - Throws: `TensorError`.
  package static func pixels(
    of picture: Tensor, on context: ComputeContext = .shared
  ) throws -> Tensor {
    precondition(picture.dtype == .u8 && picture.shape.rank == 3, "a picture of bytes")
    let bytes = try picture.converted(to: .f32, on: context)
    // Whole numbers first: black and white come out as -1 and 1 exactly.
    _ = try bytes.affine(scale: 2, shift: -255, into: bytes, on: context)
    return try bytes.affine(scale: 1 / 255, into: bytes, on: context)
  }

  /// Every frame of the masked video after the first: zeros, which is mid grey.
  ///
  /// - Parameter pixels: the first frame, whose shape it has.
  package static func laterFrame(like pixels: Tensor) throws -> Tensor {
    try Tensor(zeros: pixels.shape, dtype: .f32)
  }

  /// The condition of a window. That of a shorter window is its beginning, byte for byte: the
  /// encoder is causal.
  ///
  /// - Parameters:
  ///   - picture: U8 `[rows, columns, 3]`, of the video's size.
  ///   - latentFrames: of the window.
  ///   - encoder: its 16 channels come after the mask's.
  /// - Returns: `[20, latentFrames, rows / 8, columns / 8]` float32.
  /// - Throws: `NetworkError.input` where the sides do not fit the encoder; `TensorError`.
  package static func make(
    picture: Tensor, latentFrames: Int, encoder: WanVAEEncoder, tiling: VideoTiling? = nil
  ) throws -> Tensor {
    precondition(latentFrames > 0, "\(latentFrames) latent frames")
    let context = encoder.execution.context
    let pixels = try pixels(of: picture, on: context)
    let latents = try encoder(
      picture: pixels, followedBy: laterFrame(like: pixels),
      frameCount: (latentFrames - 1) * encoder.config.temporalFactor + 1, tiling: tiling
    ).mode()
    let (channels, rows, columns) = (latents.shape[0], latents.shape[2], latents.shape[3])
    let condition = try Tensor(
      zeros: [maskChannels + channels, latentFrames, rows, columns], dtype: .f32)
    let ones = try Tensor(
      [Float](repeating: 1, count: maskChannels * rows * columns),
      shape: [maskChannels, 1, rows, columns])
    try ones.copy(
      into: condition.sliced(0..<maskChannels).sliced(0..<1, axis: 1), on: context)
    try latents.copy(
      into: condition.sliced(maskChannels..<maskChannels + channels), on: context)
    return condition
  }
}
