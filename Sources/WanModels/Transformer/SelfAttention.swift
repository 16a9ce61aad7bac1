import Layers
import TensorCore

/// Attention of the tokens among themselves, with rotary positions (Wan2.1 `WanSelfAttention`).
struct SelfAttention: Sendable {
  let query: Linear  // q
  let key: Linear  // k
  let value: Linear  // v
  let output: Linear  // o
  let queryNorm: RMSNorm  // norm_q
  let keyNorm: RMSNorm  // norm_k
  private let heads: Int

  init(_ config: TransformerConfig, weights: any TensorSource) throws {
    let dim = config.dim
    query = try Linear(dim, dim, weights: weights.scoped("q."))
    key = try Linear(dim, dim, weights: weights.scoped("k."))
    value = try Linear(dim, dim, weights: weights.scoped("v."))
    output = try Linear(dim, dim, weights: weights.scoped("o."))
    queryNorm = try RMSNorm(dim, epsilon: config.epsilon, weights: weights.scoped("norm_q."))
    keyNorm = try RMSNorm(dim, epsilon: config.epsilon, weights: weights.scoped("norm_k."))
    heads = config.numHeads
  }

  var streamedWeights: [Tensor] { [query, key, value, output].map(\.weight) }

  /// `x += gate * o(attention(norm(x)))` for every copy of the hidden states.
  ///
  /// - Parameters:
  ///   - prologue: the block's norm with shift and scale.
  ///   - gate: `[dim]` float32.
  func add(
    to hidden: HiddenStates, prologue: MatrixProduct.Prologue, gate: Tensor, grid: TokenGrid,
    _ workspace: BlockWorkspace, _ execution: Execution
  ) throws {
    let length = hidden.sequenceLength
    for slab in hidden.slabs(rowLimit: BlockWorkspace.slabRows) {
      let rows = slab.lowerBound * length..<slab.upperBound * length
      let x = hidden.rows.sliced(rows)
      let queries = workspace.first.sliced(0..<rows.count)
      let keys = workspace.second.sliced(0..<rows.count)
      let values = workspace.third.sliced(0..<rows.count)
      try MatrixProduct.run(
        x, prologue: prologue,
        [query.product(into: queries), key.product(into: keys), value.product(into: values)],
        arithmetic: execution.arithmetic, on: execution.context)
      for copy in 0..<slab.count {
        let range = copy * length..<(copy + 1) * length
        try attend(
          queries.sliced(range), keys.sliced(range), values.sliced(range), grid, execution)
      }
      _ = try output(
        queries, epilogue: .init(gate: gate, residual: x), into: x, execution)
    }
  }

  /// Attention of one copy; the result takes the queries' place.
  private func attend(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ grid: TokenGrid, _ execution: Execution
  ) throws {
    func rows(_ x: Tensor, _ norm: RMSNorm) throws -> Attention.Rows {
      try Attention.Rows(
        split(x),
        rowScale: x.reciprocalRootMeanSquares(epsilon: norm.epsilon, on: execution.context),
        weight: norm.weight, rotation: grid.rotation)
    }
    _ = try Attention.attend(
      rows(queries, queryNorm), keys: rows(keys, keyNorm), values: split(values),
      keyCount: grid.tokenCount, arithmetic: execution.floatingArithmetic, into: split(queries),
      on: execution.context)
  }

  private func split(_ x: Tensor) throws -> Tensor {
    try x.reshaped([x.shape[0], heads, x.shape[1] / heads])
  }
}
