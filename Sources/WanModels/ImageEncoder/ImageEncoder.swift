import Layers
import TensorCore

/// The image tower of CLIP (Wan2.1 `VisionTransformer`, called with `use_31_block`): hidden states of
/// a picture after all blocks but the last, without a final norm.
package struct ImageEncoder: Sendable {
  package let config: ImageEncoderConfig
  let execution: Execution

  /// `[dim, 3 * patch * patch]`.
  private let patchEmbedding: Tensor  // patch_embedding.weight
  /// `[1, dim]` float32.
  private let classEmbedding: Tensor  // cls_embedding
  /// `[tokens, dim]` float32.
  private let positions: Tensor  // pos_embedding
  private let norm: LayerNorm  // pre_norm
  private let blocks: [ImageEncoderBlock]  // transformer.0 ...

  /// What an observer is shown.
  package enum Stage: Sendable, Equatable {
    /// The embedded patches after `pre_norm`.
    case embedded
    case block(Int)
  }

  /// Is shown hidden states, `[pictures * tokens, dim]` float32, which change after its return.
  package typealias Observer = (Stage, Tensor) throws -> Void

  /// - Parameter weights: without the checkpoint's prefix (`checkpointPrefix`); float16 as published
  ///   will do in every mode.
  /// - Throws: `NetworkError.configuration`, and what the source throws.
  package init(
    _ config: ImageEncoderConfig, weights: any TensorSource, execution: Execution
  ) throws {
    try config.validate()
    self.config = config
    self.execution = execution
    let (dim, patch) = (config.dim, config.patchSize)
    patchEmbedding = try weights.claim("patch_embedding.weight", shape: [dim, 3, patch, patch])
      .reshaped([dim, 3 * patch * patch])
    classEmbedding = try weights.claim("cls_embedding", shape: [1, 1, dim], as: .f32)
      .reshaped([1, dim])
    positions = try weights.claim("pos_embedding", shape: [1, config.tokens, dim], as: .f32)
      .reshaped([config.tokens, dim])
    norm = try LayerNorm(
      dim, epsilon: ImageEncoderBlock.epsilon, weights: weights.scoped("pre_norm."))
    // The last block is claimed with the others, for the checkpoint to be whole, and then let go.
    blocks = try (0..<config.numLayers).map { number in
      try ImageEncoderBlock(config, weights: weights.scoped("transformer.\(number)."))
    }.dropLast()
  }

  /// Hidden states of pictures.
  ///
  /// - Parameter pixels: as `preprocess` makes them, `[pictures, 3, size, size]` float32.
  /// - Returns: `[pictures, tokens, dim]` float32.
  /// - Throws: `NetworkError.input`, `TensorError`, and what the observer throws.
  package func callAsFunction(_ pixels: Tensor, observer: Observer? = nil) throws -> Tensor {
    let pictures = pixels.shape.rank == 4 ? pixels.shape[0] : 0
    let expected: Shape = [pictures, 3, config.imageSize, config.imageSize]
    guard pictures > 0, pixels.shape == expected, pixels.dtype == .f32 else {
      throw NetworkError.input(
        network: ImageEncoderConfig.network, name: "pixels",
        expected: "float32 [pictures, 3, \(config.imageSize), \(config.imageSize)]",
        found: "\(pixels.dtype) \(pixels.shape)")
    }
    // Sums of the residual stream stay in float32: they are small here, and none is rounded twice.
    let x = try norm(embed(pixels), execution)
    try observer?(.embedded, x)
    for (number, block) in blocks.enumerated() {
      try block(x, pictures: pictures, execution)
      try observer?(.block(number), x)
    }
    return try x.reshaped([pictures, config.tokens, config.dim])
  }

  /// The class row and the patches, with their positions: `[pictures * tokens, dim]` float32.
  private func embed(_ pixels: Tensor) throws -> Tensor {
    let tokens = config.tokens
    let x = try Tensor(uninitialized: [pixels.shape[0] * tokens, config.dim], dtype: .f32)
    for picture in 0..<pixels.shape[0] {
      let rows = x.sliced(picture * tokens..<(picture + 1) * tokens)
      _ = try classEmbedding.combined(
        with: positions.sliced(0..<1), by: .add, into: rows.sliced(0..<1), on: execution.context)
      let product = MatrixProduct(
        MatrixProduct.Weights(patchEmbedding),
        epilogue: .init(residual: positions.sliced(1..<tokens)), output: rows.sliced(1..<tokens))
      try MatrixProduct.run(
        patches(of: pixels.sliced(picture..<picture + 1)), [product],
        arithmetic: execution.arithmetic, on: execution.context)
    }
    return x
  }

  /// The patches of one picture in the order of the weights, `[patches, 3 * patch * patch]`.
  private func patches(of picture: Tensor) throws -> Tensor {
    let (side, patch) = (config.patchesPerSide, config.patchSize)
    return try picture.reshaped([3, side, patch, side, patch]).permuted([1, 3, 0, 2, 4])
      .reshaped([side * side, 3 * patch * patch])
  }
}
