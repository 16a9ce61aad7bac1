import Layers
import Synchronization
import TensorCore

/// Rows that the blocks attend to besides the tokens: the prompt, the picture, or a window's
/// expression tokens.
///
/// A block makes its keys and values of them when it first needs them, while its weights are in
/// memory, and keeps them here: once per prompt, once per window.
package final class AttentionContext: Sendable {
  /// Which of a block's projections makes the keys and values.
  package enum Kind: Sendable, CaseIterable { case text, image, portrait }

  package let kind: Kind
  /// `[groups * rows, width]`.
  package let rows: Tensor
  /// Sets of rows, each seen by its own share of the tokens: the latent frames of expression tokens.
  package let groupCount: Int
  /// Whether keys and values stay for the next pass; else only those of the latest block are there.
  package let keepsKeys: Bool

  private let kept = Mutex<[Int: Attention.PackedKeys]>([:])

  init(_ kind: Kind, rows: Tensor, groupCount: Int = 1, keepsKeys: Bool = true) {
    self.kind = kind
    self.rows = rows
    self.groupCount = groupCount
    self.keepsKeys = keepsKeys
  }

  /// Rows that each token attends to.
  var rowsPerGroup: Int { rows.shape[0] / groupCount }

  /// Bytes of the keys and values that are kept now.
  package var byteCount: Int {
    kept.withLock { $0.values.reduce(0) { $0 + $1.byteCount } }
  }

  /// Whether a block has its keys and values, and so needs no weights to make them.
  func hasKeys(of block: Int) -> Bool { kept.withLock { $0[block] != nil } }

  /// A block's keys and values.
  func keys(
    of block: Int, make: () throws -> Attention.PackedKeys
  ) rethrows -> Attention.PackedKeys {
    if let known = kept.withLock({ $0[block] }) { return known }
    let made = try make()
    // Those of the latest block stay in any case: branches may share the context.
    kept.withLock { kept in
      if !keepsKeys { kept = [:] }
      kept[block] = made
    }
    return made
  }
}

/// One of the predictions that guidance is made of; all of a step share a pass over the weights.
package struct GuidanceBranch: Sendable {
  /// The prompt, positive or negative.
  package let text: AttentionContext
  package let image: AttentionContext
  /// The window's expression tokens; nil for none.
  package let portrait: AttentionContext?
  /// Strength of the expression (`ip_scale`); at 0 there is no expression attention.
  package let expressionScale: Float

  package init(
    text: AttentionContext, image: AttentionContext, portrait: AttentionContext? = nil,
    expressionScale: Float = 1
  ) {
    self.text = text
    self.image = image
    self.portrait = expressionScale == 0 ? nil : portrait
    self.expressionScale = expressionScale
  }

  var contexts: [AttentionContext] { [text, image] + (portrait.map { [$0] } ?? []) }
}

/// Makes keys and values of a context's rows.
struct KeyValueProjection: Sendable {
  let key: Linear
  let value: Linear
  /// Of the keys, over all heads together; nil for expression tokens.
  let norm: RMSNorm?

  /// The keys and values of all rows, packed for attention.
  func callAsFunction(
    _ context: AttentionContext, heads: Int, _ execution: Execution
  ) throws -> Attention.PackedKeys {
    let count = context.rows.shape[0]
    let width = key.weight.shape[0]
    let type = execution.activationType
    let keys = try Tensor(uninitialized: [count, width], dtype: type)
    let values = try Tensor(uninitialized: [count, width], dtype: type)
    try MatrixProduct.run(
      context.rows, [key.product(into: keys), value.product(into: values)],
      arithmetic: execution.arithmetic, on: execution.context)
    let scale = try norm.map {
      try keys.reciprocalRootMeanSquares(epsilon: $0.epsilon, on: execution.context)
    }
    let shape: Shape = [count, heads, width / heads]
    return try Attention.PackedKeys(
      keys: Attention.Rows(keys.reshaped(shape), rowScale: scale, weight: norm?.weight),
      values: values.reshaped(shape), groupCount: context.groupCount,
      arithmetic: execution.floatingArithmetic, on: execution.context)
  }
}
