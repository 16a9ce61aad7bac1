import Diffusion
import TensorCore

extension JobParameters {
  /// What the denoising begins with: PyTorch's `randn` of `[1, 16, frames, H, W]`, without the batch.
  ///
  /// - Parameters:
  ///   - frames: latent frames of the whole clip.
  ///   - size: of the video.
  /// - Returns: `[16, frames, height / 8, width / 8]` float32.
  /// - Throws: `TensorError`.
  package func noise(frames: Int, size: PictureSize) throws -> Tensor {
    let shape: Shape = [
      16, frames, size.height / LatentScale.pixels, size.width / LatentScale.pixels,
    ]
    var generator: any RandomGenerator =
      switch noise {
      case .cpu: MersenneGenerator(seed: seed)
      case .cuda: PhiloxGenerator(seed: seed)
      }
    return try generator.normal(shape)
  }
}
