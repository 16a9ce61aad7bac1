import Checkpoints
import Layers
import PortraitPipeline
import TensorCore
import TestSupport
import WanModels

/// Relative error in bf16: that of the autoencoder.
private let bf16Bound = 3e-2

/// The condition of a window from the bytes of a picture.
@Sendable func checkConditionLatents(
  _ golden: Golden, _ execution: Execution
) throws -> [String] {
  struct Configuration: Decodable {
    let vae: WanVAEConfig
    let latentFrames: Int

    enum CodingKeys: String, CodingKey {
      case vae
      case latentFrames = "latent_frames"
    }
  }
  let configuration = try golden.configuration(as: Configuration.self)
  let vae = try WanVAE(
    configuration.vae, weights: ProceduralTensorSource(on: execution.context),
    execution: execution)
  let picture = try golden.input("input.rgb")
  let condition = try ConditionLatents.make(
    picture: picture, latentFrames: configuration.latentFrames, encoder: vae.encoder)

  let pixels = try ConditionLatents.pixels(of: picture, on: execution.context)
  let planes = try TensorSlices("[:, ::4, ::4]").of(pixels.channelsFirst(on: execution.context))
  let later = try ConditionLatents.laterFrame(like: pixels).statistics(on: execution.context)
  let largest = max(abs(later.minimum ?? .nan), abs(later.maximum ?? .nan))
  return [
    try golden.difference(condition, from: "output.y", execution, relativeError: bf16Bound),
    try golden.difference(planes, from: "state.clip_image_sub"),
    try golden.difference(planes, from: "state.masked_video_frame0_sub"),
    try golden.difference([largest], from: "state.masked_video_later_frames_max"),
  ].compactMap(\.self)
}
