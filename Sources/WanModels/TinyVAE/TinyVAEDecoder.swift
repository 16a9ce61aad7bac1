import Layers
import TensorCore

/// The decoder of the tiny video autoencoder: latents to pixels at a fraction of the work of the
/// autoencoder that made them, frame by frame (`session`): memory does not depend on a clip's length.
package struct TinyVAEDecoder: Sendable {
  package let config: TinyVAEConfig
  /// How it computes.
  package let execution: Execution

  /// Memory blocks, then twice the rows and columns, and `growth` frames for each.
  struct Stage: Sendable {
    let blocks: [MemoryBlock]
    /// 1x1, to `growth` times the channels. Doubling the picture first, as the published code does,
    /// gives the same numbers four times.
    let grow: Convolution
    let growth: Int
    /// Reads the doubled picture.
    let merge: Convolution
  }

  let entrance: Convolution
  let stages: [Stage]
  let head: Convolution

  /// Patterns of the names that it claims.
  package static let tensorNames = ["decoder.*"]

  /// - Parameter weights: by the published names.
  /// - Throws: `NetworkError.configuration`, what the source throws, `TensorError`.
  package init(
    _ config: TinyVAEConfig, weights: any TensorSource, execution: Execution
  ) throws {
    try config.validate()
    self.config = config
    self.execution = execution
    let decoder = weights.scoped("decoder.")
    let widths = config.decoderWidths
    entrance = try .plane(
      config.latentChannels, widths[0], weights: decoder.scoped("1."), execution: execution)
    stages = try TinyVAEConfig.growth.enumerated().map { stage, growth in
      let first = 3 + 6 * stage
      let channels = growth * widths[stage]
      return Stage(
        blocks: try .init(widths[stage], first: first, weights: decoder, execution: execution),
        grow: try Self.grow(
          widths[stage], channels, stored: config.growthChannels?[stage] ?? channels,
          weights: decoder.scoped("\(first + 4).conv."), execution: execution),
        growth: growth,
        merge: try .plane(
          widths[stage], widths[stage + 1], bias: false,
          geometry: .init(padding: [0, 1, 1], upsampling: 2),
          weights: decoder.scoped("\(first + 5)."), execution: execution))
    }
    head = try Self.head(widths[3], weights: decoder.scoped("22."), execution: execution)
  }

  /// Claims "weight" of `[stored, inputs, 1, 1]`, of which the last `outputs` rows are used.
  private static func grow(
    _ inputs: Int, _ outputs: Int, stored: Int, weights: any TensorSource, execution: Execution
  ) throws -> Convolution {
    let weight = try weights.claim("weight", shape: [stored, inputs, 1, 1])
    return try Convolution(
      weight: weight.sliced(stored - outputs..<stored),
      arithmetic: execution.floatingArithmetic, on: execution.context)
  }

  /// Claims "weight" and "bias". The published head's pixels are in 0 ... 1; this one's, 2 y - 1, in
  /// -1 ... 1, before they are clamped.
  private static func head(
    _ inputs: Int, weights: any TensorSource, execution: Execution
  ) throws -> Convolution {
    let weight = try weights.claim("weight", shape: [3, inputs, 3, 3], as: .f32)
    let bias = try weights.claim("bias", shape: [3], as: .f32)
    return try Convolution(
      weight: weight.affine(scale: 2, on: execution.context),
      bias: bias.affine(scale: 2, shift: -1, on: execution.context),
      geometry: .init(padding: [0, 1, 1]), arithmetic: execution.floatingArithmetic,
      on: execution.context)
  }

  /// Decodes a whole clip.
  ///
  /// - Parameters:
  ///   - latents: `[channels, frames, rows, columns]` float32.
  ///   - normalization: as for `session`.
  /// - Returns: `[frames, rows, columns, 3]` float32 in -1 ... 1.
  /// - Throws: `NetworkError.input`, `TensorError.outOfMemory`.
  package func callAsFunction(
    _ latents: Tensor, undoing normalization: WanVAEConfig? = nil
  ) throws -> Tensor {
    guard latents.shape.rank == 4 else {
      throw NetworkError.input(
        network: TinyVAEConfig.network, name: "latents",
        expected: "[channels, frames, rows, columns]", found: "\(latents.shape)")
    }
    var session = try session(
      rows: latents.shape[2], columns: latents.shape[3], undoing: normalization)
    return try session.decode(latents)
  }

  /// Operations that decoding a clip executes, a multiply-add counted as two.
  ///
  /// - Parameters:
  ///   - rows: of a latent frame.
  ///   - columns: likewise.
  package func operations(latentFrames: Int, rows: Int, columns: Int) -> Double {
    var (positions, frames) = (rows * columns, Double(latentFrames))
    var total = frames * entrance.operationCount(positions: positions)
    for (index, stage) in stages.enumerated() {
      let blocks = stage.blocks.reduce(0) { $0 + $1.operationCount(positions: positions) }
      total += frames * (blocks + stage.grow.operationCount(positions: positions))
      positions *= 4
      frames *= Double(stage.growth)
      if index + 1 == stages.count { frames -= Double(TinyVAEConfig.trimmedFrames) }
      total += frames * stage.merge.operationCount(positions: positions)
    }
    return total + frames * head.operationCount(positions: positions)
  }
}
