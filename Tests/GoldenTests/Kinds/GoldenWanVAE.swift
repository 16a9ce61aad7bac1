import Checkpoints
import Layers
import TensorCore
import TestSupport
import WanModels

/// Relative root-mean-square error that bf16 may have: 1.5 times that of PyTorch's own bf16 run of
/// small autoencoders (1.1e-2 to 2.0e-2, by `scripts/reference/check_vae.py`).
private let bf16Bound = 2e-2

/// A case of the video autoencoder, whole pictures or tiles.
private struct WanVAECase {
  let golden: Golden
  let execution: Execution
  let vae: WanVAE
  let tiling: VideoTiling?

  private struct Tiles: Decodable {
    let tileSampleMin: [Int]?
    let tileSampleStride: [Int]?

    enum CodingKeys: String, CodingKey {
      case tileSampleMin = "tile_sample_min"
      case tileSampleStride = "tile_sample_stride"
    }
  }

  init(_ golden: Golden, _ execution: Execution) throws {
    self.golden = golden
    self.execution = execution
    vae = try WanVAE(
      golden.configuration(as: WanVAEConfig.self),
      weights: ProceduralTensorSource(on: execution.context), execution: execution)
    let tiles = try golden.configuration(as: Tiles.self)
    if let size = tiles.tileSampleMin, let stride = tiles.tileSampleStride {
      tiling = VideoTiling(
        rows: size[0], columns: size[1], rowStride: stride[0], columnStride: stride[1])
    } else {
      tiling = nil
    }
  }

  /// An input without its batch axis.
  private func input(_ name: String) throws -> Tensor {
    let tensor = try golden.input(name)
    return try tensor.reshaped(Shape(Array(tensor.shape.axes.dropFirst())))
  }

  /// - Parameter name: "output.decoded_unclamped_0": what was computed, and the number of the input
  ///   where the case has several.
  func result(_ name: String) throws -> Tensor? {
    let parts = name.dropFirst("output.".count).split(separator: "_").map(String.init)
    let number = parts.last.flatMap { Int($0) }
    let suffix = number.map { "_\($0)" } ?? ""
    let what = (number == nil ? parts : parts.dropLast()).joined(separator: "_")
    switch what {
    case "decoded", "decoded_unclamped":
      return try vae.decoder(
        input("input.latents" + suffix), tiling: tiling, clamped: what == "decoded"
      ).channelsFirst(on: execution.context)
    case "mode", "logvar", "unscaled_mean":
      let video = try input("input.video" + suffix).channelsLast(on: execution.context)
      let latents = try vae.encoder(video, tiling: tiling)
      return what == "mode"
        ? try latents.mode() : what == "logvar" ? try latents.logVariance() : latents.mean
    default: return nil
    }
  }
}

/// Encoder and decoder of the video autoencoder.
@Sendable func checkWanVAE(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let model = try WanVAECase(golden, execution)
  return try golden.names(prefix: "output.").compactMap { name in
    guard let got = try model.result(name) else { return "\(golden.name): what is \(name)?" }
    return execution.arithmetic == .f32
      ? try golden.difference(got, from: name)
      : try golden.difference(got, from: name, relativeError: bf16Bound)
  }
}
