import Layers
import TensorCore

/// One block of the image tower (Wan2.1 `clip.AttentionBlock`): self-attention and a feed-forward
/// part, each normalised before and added.
struct ImageEncoderBlock: Sendable {
  private let heads: Int
  private let attentionNorm: LayerNorm  // norm1
  private let queryKeyValue: Linear  // attn.to_qkv
  private let projection: Linear  // attn.proj
  private let feedForwardNorm: LayerNorm  // norm2
  private let expansion: Linear  // mlp.0
  private let contraction: Linear  // mlp.2

  static let epsilon: Float = 1e-5

  /// - Parameter weights: scoped to the block ("transformer.0.").
  init(_ config: ImageEncoderConfig, weights: any TensorSource) throws {
    let dim = config.dim
    heads = config.numHeads
    attentionNorm = try LayerNorm(dim, epsilon: Self.epsilon, weights: weights.scoped("norm1."))
    queryKeyValue = try Linear(dim, 3 * dim, weights: weights.scoped("attn.to_qkv."))
    projection = try Linear(dim, dim, weights: weights.scoped("attn.proj."))
    feedForwardNorm = try LayerNorm(dim, epsilon: Self.epsilon, weights: weights.scoped("norm2."))
    expansion = try Linear(dim, config.mlpDim, weights: weights.scoped("mlp.0."))
    contraction = try Linear(config.mlpDim, dim, weights: weights.scoped("mlp.2."))
  }

  /// Changes hidden states in place.
  ///
  /// - Parameters:
  ///   - x: `[pictures * tokens, dim]`.
  ///   - pictures: each attends to itself alone.
  func callAsFunction(_ x: Tensor, pictures: Int, _ execution: Execution) throws {
    let (rows, dim) = (x.shape[0], x.shape[1])
    // [rows, 3 * heads, head width]: the queries of all heads, then the keys, then the values.
    let qkv = try queryKeyValue(x, prologue: attentionNorm.prologue, execution)
      .reshaped([rows, 3 * heads, dim / heads])
    let attended = try Attention.attend(
      Attention.Rows(qkv.sliced(0..<heads, axis: 1)),
      keys: Attention.Rows(qkv.sliced(heads..<2 * heads, axis: 1)),
      values: qkv.sliced(2 * heads..<3 * heads, axis: 1), groupCount: pictures,
      queriesPerGroup: rows / pictures, arithmetic: execution.floatingArithmetic,
      outputType: execution.activationType, on: execution.context)
    _ = try projection(
      attended.reshaped([rows, dim]), epilogue: .init(residual: x), into: x, execution)
    let hidden = try expansion(
      x, prologue: feedForwardNorm.prologue, epilogue: .init(activation: .geluErf), execution)
    _ = try contraction(hidden, epilogue: .init(residual: x), into: x, execution)
  }
}
