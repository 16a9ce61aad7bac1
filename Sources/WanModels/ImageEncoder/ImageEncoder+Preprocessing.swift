import Layers
import TensorCore

extension ImageEncoder {
  /// Mean and deviation of red, green and blue that CLIP's pictures are normalised with.
  private static let statistics: [(mean: Float, deviation: Float)] = [
    (0.48145466, 0.26862954), (0.4578275, 0.26130258), (0.40821073, 0.27577711),
  ]

  /// Pictures as the tower takes them: resized by bicubic interpolation whatever their shape (torch
  /// `interpolate` without antialiasing, a = -0.75), brought to [0, 1] and normalised. Nothing is
  /// clamped (Wan2.1 `CLIPModel.visual`).
  ///
  /// - Parameters:
  ///   - pixels: `[pictures, rows, columns, 3]` float32 in [-1, 1], of any size.
  ///   - size: rows and columns of the result.
  /// - Returns: `[pictures, 3, size, size]` float32.
  /// - Throws: `NetworkError.input`, `TensorError`.
  package static func preprocess(
    _ pixels: Tensor, size: Int, on context: ComputeContext = .shared
  ) throws -> Tensor {
    guard pixels.shape.rank == 4, pixels.shape[3] == 3, pixels.count > 0, pixels.dtype == .f32
    else {
      throw NetworkError.input(
        network: ImageEncoderConfig.network, name: "pixels",
        expected: "float32 [pictures, rows, columns, 3], not empty",
        found: "\(pixels.dtype) \(pixels.shape)")
    }
    let resized = try pixels.resampled(
      height: size, width: size, filter: .cubic, layout: .channelsLast, on: context)
    let pictures = pixels.shape[0]
    let result = try Tensor(uninitialized: [pictures, 3, size, size], dtype: .f32)
    for picture in 0..<pictures {
      let planes = try resized.sliced(picture..<picture + 1).reshaped([size, size, 3])
        .channelsFirst(on: context)
      let target = try result.sliced(picture..<picture + 1).reshaped([3, size, size])
      for (channel, (mean, deviation)) in statistics.enumerated() {
        let plane = channel..<channel + 1
        _ = try planes.sliced(plane).affine(
          scale: 0.5 / deviation, shift: (0.5 - mean) / deviation, into: target.sliced(plane),
          on: context)
      }
    }
    return result
  }

  /// `preprocess` at the size of this tower.
  package func preprocess(_ pixels: Tensor) throws -> Tensor {
    try Self.preprocess(pixels, size: config.imageSize, on: execution.context)
  }
}
