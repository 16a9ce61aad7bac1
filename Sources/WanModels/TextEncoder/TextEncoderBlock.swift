import Layers
import TensorCore

/// One of the text encoder's blocks (Wan2.1 `T5SelfAttention`).
struct TextEncoderBlock: Sendable {
  let attentionNorm: RMSNorm  // norm1
  let query: Linear  // attn.q
  let key: Linear  // attn.k
  let value: Linear  // attn.v
  let output: Linear  // attn.o
  let feedForwardNorm: RMSNorm  // norm2
  let gate: Linear  // ffn.gate.0
  let expansion: Linear  // ffn.fc1
  let contraction: Linear  // ffn.fc2
  /// `[buckets, heads]` float32, this block's or that of all.
  let positionTable: Tensor  // pos_embedding.embedding.weight
  private let heads: Int

  /// - Parameter sharedTable: the biases of all blocks, nil where each has its own.
  init(
    _ config: TextEncoderConfig, sharedTable: Tensor?, weights: any TensorSource
  ) throws {
    func linear(_ inputs: Int, _ outputs: Int, _ name: String) throws -> Linear {
      try Linear(inputs, outputs, bias: false, weights: weights.scoped(name + "."))
    }
    let (dim, width, inner) = (config.dim, config.attentionDim, config.ffnDim)
    let epsilon = TextEncoderConfig.epsilon
    attentionNorm = try RMSNorm(dim, epsilon: epsilon, weights: weights.scoped("norm1."))
    query = try linear(dim, width, "attn.q")
    key = try linear(dim, width, "attn.k")
    value = try linear(dim, width, "attn.v")
    output = try linear(width, dim, "attn.o")
    feedForwardNorm = try RMSNorm(dim, epsilon: epsilon, weights: weights.scoped("norm2."))
    gate = try linear(dim, inner, "ffn.gate.0")
    expansion = try linear(dim, inner, "ffn.fc1")
    contraction = try linear(inner, dim, "ffn.fc2")
    positionTable =
      try sharedTable ?? TextEncoder.positionTable(config, weights: weights)
    heads = config.numHeads
  }

  /// The weights that a pass reads, but for the small ones.
  var streamedWeights: [Tensor] {
    [query, key, value, output, gate, expansion, contraction].map(\.weight)
  }

  /// What a pass writes to besides the hidden states, the same for every block.
  struct Workspace {
    let queries, keys, values: Tensor
    let expanded, gated: Tensor

    init(rows: Int, config: TextEncoderConfig, type: DType) throws {
      func rowsOf(_ width: Int) throws -> Tensor {
        try Tensor(uninitialized: [rows, width], dtype: type)
      }
      queries = try rowsOf(config.attentionDim)
      keys = try rowsOf(config.attentionDim)
      values = try rowsOf(config.attentionDim)
      expanded = try rowsOf(config.ffnDim)
      gated = try rowsOf(config.ffnDim)
    }
  }

  /// - Parameters:
  ///   - x: `[rows, dim]` float32, the rows of all texts; changed in place.
  ///   - texts: which rows belong together.
  func callAsFunction(
    _ x: Tensor, texts: [TokenRows], _ workspace: Workspace, _ execution: Execution
  ) throws {
    try MatrixProduct.run(
      x, prologue: attentionNorm.prologue,
      [
        query.product(into: workspace.queries), key.product(into: workspace.keys),
        value.product(into: workspace.values),
      ], arithmetic: execution.arithmetic, on: execution.context)
    let queries = try split(workspace.queries)
    let keys = try split(workspace.keys)
    let values = try split(workspace.values)
    for text in texts {
      try text.attend(
        queries, keys: keys, values: values, table: positionTable,
        arithmetic: execution.floatingArithmetic, on: execution.context)
    }
    _ = try output(workspace.queries, epilogue: .init(residual: x), into: x, execution)

    // The products take turns, so the second finds the first one's result.
    try MatrixProduct.run(
      x, prologue: feedForwardNorm.prologue,
      [
        expansion.product(into: workspace.expanded),
        gate.product(
          into: workspace.gated,
          epilogue: .init(activation: .geluTanh, factor: workspace.expanded)),
      ], arithmetic: execution.arithmetic, on: execution.context)
    _ = try contraction(workspace.gated, epilogue: .init(residual: x), into: x, execution)
  }

  private func split(_ x: Tensor) throws -> Tensor {
    try x.reshaped([x.shape[0], heads, x.shape[1] / heads])
  }
}
