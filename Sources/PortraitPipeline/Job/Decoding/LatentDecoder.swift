import Layers
import TensorCore
import WanModels

/// The network that makes pixels of latents.
package enum LatentDecoder: Sendable {
  /// The published one; `tiling` is nil for the picture at once.
  case full(WanVAEDecoder, tiling: VideoTiling?)
  /// The fast one.
  case tiny(TinyVAEDecoder)

  /// Begins a clip.
  ///
  /// - Parameter latent: one of its latent frames, `[channels, 1, rows, columns]`.
  /// - Throws: `NetworkError`.
  func session(like latent: Tensor) throws -> any DecodingSession {
    guard latent.shape.rank == 4 else {
      throw NetworkError.input(
        network: "decoder", name: "latents", expected: "[channels, frames, rows, columns]",
        found: "\(latent.shape)")
    }
    let (rows, columns) = (latent.shape[2], latent.shape[3])
    return switch self {
    case .full(let decoder, let tiling):
      try decoder.session(rows: rows, columns: columns, tiling: tiling)
    case .tiny(let decoder): try decoder.session(rows: rows, columns: columns)
    }
  }

  /// Frames of pixels that so many latent frames give.
  func pixelFrames(ofLatentFrames count: Int) -> Int {
    switch self {
    case .full(let decoder, _): decoder.config.pixelFrames(ofLatentFrames: count)
    case .tiny: TinyVAEConfig.pixelFrames(ofLatentFrames: count)
    }
  }

  var context: ComputeContext {
    switch self {
    case .full(let decoder, _): decoder.execution.context
    case .tiny(let decoder): decoder.execution.context
    }
  }
}
