import Checkpoints
import Layers
import TensorCore
import TestSupport
import WanModels

/// Relative root-mean-square error that bf16 may have: 1.5 times that of PyTorch's own bf16 run of
/// small autoencoders (1.0e-2 to 2.2e-2 for decoded pixels, by `scripts/reference/check_vae.py`).
private let bf16Bound = 3e-2

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

  /// What `work` makes of each clip of a batch, side by side again.
  private func batch(_ name: String, _ work: (Tensor) throws -> Tensor) throws -> Tensor {
    let batch = try golden.input(name)
    let results = try (0..<batch.shape[0]).map { clip in
      let axes = Array(batch.shape.axes.dropFirst())
      return try work(batch.sliced(clip..<clip + 1).contiguous().reshaped(Shape(axes)))
        .contiguous()
    }
    let shape = Shape([results.count] + (results.first?.shape.axes ?? []))
    return try Tensor(results.flatMap { try $0.floats() }, shape: shape)
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
      return try batch("input.latents" + suffix) { latents in
        try vae.decoder(latents, tiling: tiling, clamped: what == "decoded")
          .channelsFirst(on: execution.context)
      }
    case "mode", "logvar", "unscaled_mean":
      return try batch("input.video" + suffix) { video in
        // The published code leaves out frames that do not fill a group of four.
        let frames = video.shape[1] - (video.shape[1] - 1) % 4
        let whole = try video.sliced(0..<frames, axis: 1).channelsLast(on: execution.context)
        let latents = try vae.encoder(whole, tiling: tiling)
        return what == "mode"
          ? try latents.mode() : what == "logvar" ? try latents.logVariance() : latents.mean
      }
    default: return nil
    }
  }
}

/// Encoder and decoder of the video autoencoder.
@Sendable func checkWanVAE(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let model = try WanVAECase(golden, execution)
  return try golden.names(prefix: "output.").compactMap { name in
    guard let got = try model.result(name) else { return "\(golden.name): what is \(name)?" }
    return try golden.difference(got, from: name, execution, relativeError: bf16Bound)
  }
}
