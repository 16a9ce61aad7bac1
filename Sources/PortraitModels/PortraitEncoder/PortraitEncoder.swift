import Layers
import TensorCore

/// Tokens of the expression features of video frames, which the transformer attends to
/// (FlashPortrait `PortraitEncoder`).
package struct PortraitEncoder: Sendable {
  package let config: PortraitEncoderConfig
  let execution: Execution
  private let parts: FourWayProjection  // proj_model
  private let mouth: Resampler  // mouth_proj_model
  private let emotion: Resampler  // emo_proj_model

  /// Frames that go through the products together: enough for them to be efficient, and few enough
  /// for the hidden states of a long clip.
  private static let framesPerPass = 256

  /// - Parameter weights: by their names in the checkpoint.
  /// - Throws: `NetworkError.configuration`, and what the source throws.
  package init(
    _ config: PortraitEncoderConfig, weights: any TensorSource, execution: Execution
  ) throws {
    try config.validate()
    self.config = config
    self.execution = execution
    parts = try FourWayProjection(
      layout: config.layout, outputDim: config.outputDim, weights: weights.scoped("proj_model."),
      execution: execution)
    mouth = try Resampler(
      config.mouth, weights: weights.scoped("mouth_proj_model."), execution: execution)
    emotion = try Resampler(
      config.emotion, weights: weights.scoped("emo_proj_model."), execution: execution)
  }

  /// The tokens of frames, each by itself.
  ///
  /// - Parameter features: `[frames, layout.width]` float32.
  /// - Returns: `[frames * tokensPerFrame, outputDim]` float32: of each frame the four of its parts,
  ///   the mouth's and the emotion's.
  /// - Throws: `NetworkError.input`, `TensorError`.
  package func callAsFunction(_ features: Tensor) throws -> Tensor {
    guard features.shape.rank == 2, features.shape[1] == config.layout.width,
      features.dtype == .f32
    else {
      throw NetworkError.input(
        network: PortraitEncoderConfig.network, name: "features",
        expected: "float32 [frames, \(config.layout.width)]",
        found: "\(features.dtype) \(features.shape)")
    }
    let (frames, perFrame) = (features.shape[0], config.tokensPerFrame)
    let tokens = try Tensor(
      uninitialized: [frames, perFrame, config.outputDim], dtype: .f32)
    for start in stride(from: 0, to: frames, by: Self.framesPerPass) {
      let range = start..<min(start + Self.framesPerPass, frames)
      try encode(features.sliced(range).contiguous(), into: tokens.sliced(range))
    }
    return try tokens.reshaped([frames * perFrame, config.outputDim])
  }

  private func encode(_ features: Tensor, into tokens: Tensor) throws {
    let layout = config.layout
    let groups = [
      try parts(features),
      try mouth(features.sliced(layout[.mouth], axis: 1)),
      try emotion(features.sliced(layout[.emotion], axis: 1)),
    ]
    var first = 0
    for group in groups {
      let count = group.shape[0] / features.shape[0]
      try group.reshaped([features.shape[0], count, config.outputDim]).copy(
        into: tokens.sliced(first..<first + count, axis: 1), on: execution.context)
      first += count
    }
  }
}
