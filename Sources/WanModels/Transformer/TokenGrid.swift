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
        network: "transformer", name: "latents",
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
        network: "transformer", name: "sequence length", expected: "at least \(count) tokens",
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
      try copy(
        from: source, channels: source.shape[0],
        at: { channel, dy, dx in (first + channel) * positions + dy * patch[2] + dx },
        to: result
      ) { latent, row in row.pointee = latent.pointee }
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
    try copy(
      from: result, channels: channels,
      at: { channel, dy, dx in (dy * patch[2] + dx) * channels + channel }, to: rows
    ) { latent, row in latent.pointee = row.pointee }
    return result
  }

  /// Visits every latent number beside its place in the rows.
  private func copy(
    from latents: Tensor, channels: Int, at place: (Int, Int, Int) -> Int, to rows: Tensor,
    _ move: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) throws {
    let (height, width) = (grid.rows * patch[1], grid.columns * patch[2])
    let rowWidth = rows.shape[1]
    let latent = latents.pointer.assumingMemoryBound(to: Float.self)
    let target = rows.pointer.assumingMemoryBound(to: Float.self)
    for channel in 0..<channels {
      for frame in 0..<grid.frames {
        for y in 0..<height {
          let token = (frame * grid.rows + y / patch[1]) * grid.columns
          let source = latent + ((channel * grid.frames + frame) * height + y) * width
          for x in 0..<width {
            let column = place(channel, y % patch[1], x % patch[2])
            move(source + x, target + (token + x / patch[2]) * rowWidth + column)
          }
        }
      }
    }
    withExtendedLifetime((latents, rows)) {}
  }
}
