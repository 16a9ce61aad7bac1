import Layers
import TensorCore

/// The Wan2.1 video autoencoder (`Wan2.1_VAE.pth`): a clip of pixels to normalised latents and back.
///
/// Both halves are causal in time and work frame by frame; a stage of the pipeline that needs only
/// one of them makes a `WanVAEEncoder` or a `WanVAEDecoder` alone.
package struct WanVAE: Sendable {
  package let config: WanVAEConfig
  package let encoder: WanVAEEncoder
  package let decoder: WanVAEDecoder

  /// - Parameter weights: by the published names, without a "model." prefix.
  /// - Throws: `NetworkError.configuration`, what the source throws, `TensorError`.
  package init(
    _ config: WanVAEConfig, weights: any TensorSource, execution: Execution
  ) throws {
    self.config = config
    encoder = try WanVAEEncoder(config, weights: weights, execution: execution)
    decoder = try WanVAEDecoder(config, weights: weights, execution: execution)
  }
}

extension WanVAEEncoder {
  /// Encodes a whole clip.
  ///
  /// - Parameter pixels: `[frames, rows, columns, 3]` float32 in -1 ... 1; one frame more than a
  ///   multiple of `config.temporalFactor`.
  /// - Throws: `NetworkError.input`, `.configuration`, `TensorError.outOfMemory`.
  package func callAsFunction(
    _ pixels: Tensor, tiling: VideoTiling? = nil
  ) throws -> LatentDistribution {
    guard pixels.shape.rank == 4 else {
      throw NetworkError.input(
        network: WanVAEConfig.network, name: "pixels", expected: "[frames, rows, columns, 3]",
        found: "\(pixels.shape)")
    }
    _ = try config.latentFrames(ofPixelFrames: pixels.shape[0])
    var session = try session(
      rows: pixels.shape[1], columns: pixels.shape[2], tiling: tiling)
    return try session.encode(pixels)
  }

  /// Encodes a picture followed by the same frame over and over: the condition's masked video,
  /// whose frames after the first are zero. Costs a fraction of the whole clip, with the same bytes.
  ///
  /// - Parameters:
  ///   - picture: `[rows, columns, 3]` float32 in -1 ... 1.
  ///   - rest: every frame after it, of the same shape.
  ///   - frameCount: frames of the clip, one more than a multiple of `config.temporalFactor`.
  /// - Throws: `NetworkError.input`, `.configuration`, `TensorError.outOfMemory`.
  package func callAsFunction(
    picture: Tensor, followedBy rest: Tensor, frameCount: Int, tiling: VideoTiling? = nil
  ) throws -> LatentDistribution {
    guard picture.shape.rank == 3 else {
      throw NetworkError.input(
        network: WanVAEConfig.network, name: "picture", expected: "[rows, columns, 3]",
        found: "\(picture.shape)")
    }
    _ = try config.latentFrames(ofPixelFrames: frameCount)
    var session = try session(
      rows: picture.shape[0], columns: picture.shape[1], tiling: tiling)
    return try session.encode(picture: picture, followedBy: rest, count: frameCount - 1)
  }
}

extension WanVAEDecoder {
  /// Decodes a whole clip.
  ///
  /// - Parameters:
  ///   - latents: `[z, frames, rows, columns]` float32, normalised.
  ///   - clamped: whether pixels are moved into -1 ... 1, as they should but for tests.
  /// - Returns: `[frames, rows, columns, 3]` float32.
  /// - Throws: `NetworkError.input`, `.configuration`, `TensorError.outOfMemory`.
  package func callAsFunction(
    _ latents: Tensor, tiling: VideoTiling? = nil, clamped: Bool = true
  ) throws -> Tensor {
    guard latents.shape.rank == 4 else {
      throw NetworkError.input(
        network: WanVAEConfig.network, name: "latents",
        expected: "[channels, frames, rows, columns]", found: "\(latents.shape)")
    }
    var session = try session(
      rows: latents.shape[2], columns: latents.shape[3], tiling: tiling)
    return try session.decode(latents, clamped: clamped)
  }
}
