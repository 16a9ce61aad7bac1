import Layers
import TensorCore

/// Where the tokens of a window lie, and how rotary positions turn them: the same for every step.
package struct TokenGrid: Sendable {
  /// Latent frames.
  package let frames: Int
  /// Tokens in a column of a frame.
  package let rows: Int
  /// Tokens in a row of a frame.
  package let columns: Int
  /// Tokens with padding: rows of zeros up to here, which take part in all but as keys of
  /// self-attention.
  package let sequenceLength: Int

  /// Turns every token of the sequence; padding is not turned.
  let rotation: Attention.Rotation

  /// Tokens of the window, without padding.
  package var tokenCount: Int { frames * rows * columns }

  /// - Parameters:
  ///   - latents: `[channels, F, H, W]`: the shape of the window.
  ///   - sequenceLength: tokens to fill up to; none where nil.
  ///   - override: RIFLEx's frequency, for windows longer than those trained on.
  /// - Throws: `NetworkError.input` where the sides are no multiples of the patch.
  package init(
    latents: Shape, config: TransformerConfig, sequenceLength: Int? = nil,
    override: RotaryOverride? = nil
  ) throws {
    let patch = config.patchSize
    guard latents.rank == 4, latents[1] > 0, latents[2] > 0, latents[3] > 0,
      latents[2] % patch[1] == 0, latents[3] % patch[2] == 0
    else {
      throw NetworkError.input(
        network: TransformerConfig.network, name: "latents",
        expected:
          "[channels, frames, rows, columns], rows and columns multiples of \(patch[1]) and "
          + "\(patch[2])", found: "\(latents)")
    }
    frames = latents[1]
    rows = latents[2] / patch[1]
    columns = latents[3] / patch[2]
    let count = frames * rows * columns
    self.sequenceLength = sequenceLength ?? count
    guard self.sequenceLength >= count else {
      throw NetworkError.input(
        network: TransformerConfig.network, name: "sequence length",
        expected: "at least \(count) tokens",
        found: "\(self.sequenceLength)")
    }
    let table = try RotaryTable(
      frames: frames, rows: rows, columns: columns, headDimension: config.headDim,
      override: override)
    rotation = try Self.padded(table.rotation(0..<count), to: self.sequenceLength)
  }

  /// Adds rows that turn by nothing.
  private static func padded(
    _ rotation: Attention.Rotation, to count: Int
  ) throws -> Attention.Rotation {
    let shape = rotation.cosine.shape
    guard count > shape[0] else { return rotation }
    func filled(_ table: Tensor, with value: Float) throws -> Tensor {
      let rest = [Float](repeating: value, count: (count - shape[0]) * shape[1])
      return try Tensor(table.floats() + rest, shape: [count, shape[1]])
    }
    return try Attention.Rotation(
      cosine: filled(rotation.cosine, with: 1), sine: filled(rotation.sine, with: 0))
  }
}

/// The way from latents to rows of patches and back (Wan2.1 `patch_embedding`, `unpatchify`).
struct Patches {
  let grid: TokenGrid
  let patch: [Int]

  /// Rows of the patches of several latent tensors, channel by channel.
  ///
  /// - Parameter inputs: `[channels, F, H, W]` each.
  /// - Returns: `[tokens, channels * patch positions]` float32; the last axis runs over channels,
  ///   then rows and columns within the patch, as in the convolution's weights.
  func rows(of inputs: [Tensor]) throws -> Tensor {
    let channels = inputs.reduce(0) { $0 + $1.shape[0] }
    let positions = patch[1] * patch[2]
    let result = try Tensor(uninitialized: [grid.tokenCount, channels * positions], dtype: .f32)
    var first = 0
    for input in inputs {
      let source = try input.converted(to: .f32)
      let places = places(channels: source.shape[0], rowWidth: channels * positions) {
        (first + $0) * positions + $1
      }
      let from = source.pointer.assumingMemoryBound(to: Float.self)
      let into = result.pointer.assumingMemoryBound(to: Float.self)
      places.visit { latent, place in into[place] = from[latent] }
      withExtendedLifetime(source) {}
      first += source.shape[0]
    }
    return result
  }

  /// The latents whose patches are the rows; padding is left out.
  ///
  /// - Parameter rows: `[at least as many as tokens, patch positions * channels]` float32; the last
  ///   axis runs over rows and columns within the patch, then channels.
  /// - Returns: `[channels, F, H, W]` float32.
  func latents(from rows: Tensor, channels: Int) throws -> Tensor {
    let result = try Tensor(
      uninitialized: [channels, grid.frames, grid.rows * patch[1], grid.columns * patch[2]],
      dtype: .f32)
    let places = places(channels: channels, rowWidth: rows.shape[1]) { $1 * channels + $0 }
    let from = rows.pointer.assumingMemoryBound(to: Float.self)
    let into = result.pointer.assumingMemoryBound(to: Float.self)
    places.visit { latent, place in into[latent] = from[place] }
    withExtendedLifetime(rows) {}
    return result
  }

  /// For every latent number, in order, the place of its number among the rows.
  ///
  /// - Parameter column: in a row, of a channel and a position within the patch.
  private func places(
    channels: Int, rowWidth: Int, column: (_ channel: Int, _ position: Int) -> Int
  ) -> LatentPlaces {
    let columns = (0..<channels).flatMap { channel in
      (0..<patch[1] * patch[2]).map { column(channel, $0) }
    }
    return LatentPlaces(
      grid: grid, patch: patch, channels: channels, rowWidth: rowWidth, columns: columns)
  }
}

/// Latent numbers in order beside their places among rows of patches.
private struct LatentPlaces {
  let grid: TokenGrid
  let patch: [Int]
  let channels: Int
  let rowWidth: Int
  /// Of each channel and each position within the patch, the place in a row.
  let columns: [Int]

  func visit(_ body: (_ latent: Int, _ place: Int) -> Void) {
    let (height, width) = (grid.rows * patch[1], grid.columns * patch[2])
    var latent = 0
    for channel in 0..<channels {
      for frame in 0..<grid.frames {
        for y in 0..<height {
          let token = (frame * grid.rows + y / patch[1]) * grid.columns
          let first = (channel * patch[1] + y % patch[1]) * patch[2]
          for x in 0..<width {
            let place = (token + x / patch[2]) * rowWidth + columns[first + x % patch[2]]
            body(latent, place)
            latent += 1
          }
        }
      }
    }
  }
}
