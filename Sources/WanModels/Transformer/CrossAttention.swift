import Layers
import TensorCore

/// Attention to prompt, picture and expression tokens: the Normalized Facial Expression Block
/// (FlashPortrait, section 3.2; Wan2.1 `WanI2VCrossAttention`).
struct CrossAttention: Sendable {
  let query: Linear  // q
  let output: Linear  // o
  let queryNorm: RMSNorm  // norm_q
  let text: KeyValueProjection  // k, v, norm_k
  let image: KeyValueProjection  // k_img, v_img, norm_k_img
  let portrait: KeyValueProjection  // emo_k_proj, emo_v_proj
  private let heads: Int

  /// - Parameter known: projections that need not be claimed.
  init(
    _ config: TransformerConfig, weights: any TensorSource,
    known: [AttentionContext.Kind: KeyValueProjection] = [:]
  ) throws {
    let dim = config.dim
    func linear(_ name: String) throws -> Linear {
      try Linear(dim, dim, weights: weights.scoped(name + "."))
    }
    func norm(_ name: String) throws -> RMSNorm {
      try RMSNorm(dim, epsilon: config.epsilon, weights: weights.scoped(name + "."))
    }
    query = try linear("q")
    text =
      try known[.text]
      ?? KeyValueProjection(key: linear("k"), value: linear("v"), norm: norm("norm_k"))
    output = try linear("o")
    queryNorm = try norm("norm_q")
    image =
      try known[.image]
      ?? KeyValueProjection(
        key: linear("k_img"), value: linear("v_img"), norm: norm("norm_k_img"))
    func expression(_ name: String) throws -> Linear {
      try Linear(config.portraitDim, dim, bias: false, weights: weights.scoped(name + "."))
    }
    portrait =
      try known[.portrait]
      ?? KeyValueProjection(
        key: expression("emo_k_proj"), value: expression("emo_v_proj"), norm: nil)
    heads = config.numHeads
  }

  func projection(_ kind: AttentionContext.Kind) -> KeyValueProjection {
    switch kind {
    case .text: text
    case .image: image
    case .portrait: portrait
    }
  }

  /// What a block has at hand when it attends.
  struct Pass {
    let block: Int
    let workspace: BlockWorkspace
    let execution: Execution
  }

  /// `x + o(attention(norm3(x)))` for every branch.
  ///
  /// - Parameters:
  ///   - prologue: `norm3`.
  /// - Returns: hidden states with a copy for each branch. Branches that share their hidden states
  ///   also share queries, and attention to the same prompt and picture.
  func added(
    to hidden: HiddenStates, prologue: MatrixProduct.Prologue, branches: [GuidanceBranch],
    _ pass: Pass
  ) throws -> HiddenStates {
    let result = try hidden.separated(for: branches.count)
    let length = hidden.sequenceLength
    let common = pass.workspace.second.sliced(0..<length)
    var asked: (copy: Int, queries: Attention.Rows)?
    var attended: (copy: Int, text: AttentionContext, image: AttentionContext)?
    for (index, branch) in branches.enumerated() {
      let copy = hidden.copies == 1 ? 0 : index
      let x = hidden.copy(copy)
      let queries: Attention.Rows
      if let asked, asked.copy == copy {
        queries = asked.queries
      } else {
        queries = try self.queries(of: x, prologue: prologue, pass)
        asked = (copy, queries)
      }
      if attended?.copy != copy || attended?.text !== branch.text
        || attended?.image !== branch.image
      {
        try attend(queries, to: branch.text, into: common, adding: false, pass)
        try attend(queries, to: branch.image, into: common, adding: true, pass)
        attended = (copy, branch.text, branch.image)
      }
      let mixing = try expression(queries, beside: common, of: branch, pass)
      _ = try output(
        common, prologue: mixing, epilogue: .init(residual: x), into: result.copy(index),
        pass.execution)
    }
    return result
  }

  /// Queries of one copy of the hidden states.
  private func queries(
    of x: Tensor, prologue: MatrixProduct.Prologue, _ pass: Pass
  ) throws -> Attention.Rows {
    let rows = try query(
      x, prologue: prologue, into: pass.workspace.first.sliced(0..<x.shape[0]), pass.execution)
    return try Attention.Rows(
      rows.reshaped([x.shape[0], heads, x.shape[1] / heads]),
      rowScale: rows.reciprocalRootMeanSquares(
        epsilon: queryNorm.epsilon, on: pass.execution.context), weight: queryNorm.weight)
  }

  /// Attention to a context, or, added, to one more.
  private func attend(
    _ queries: Attention.Rows, to context: AttentionContext, into target: Tensor, adding: Bool,
    _ pass: Pass
  ) throws {
    let keys = try context.keys(of: pass.block) {
      try projection(context.kind)(context, heads: heads, pass.execution)
    }
    try Attention.attend(
      queries, to: keys, queriesPerGroup: queries.count / context.groupCount,
      into: target.reshaped(queries.values.shape), adding: adding, on: pass.execution.context)
  }

  /// The expression attention E, given the mean and deviation of A, the attention to prompt and
  /// picture: `A + scale * ((E - mean E) * std A / (std E + 1e-5) + mean A)`, statistics being those
  /// of all tokens and channels.
  ///
  /// - Returns: what turns A into that sum on its way into the next product.
  private func expression(
    _ queries: Attention.Rows, beside common: Tensor, of branch: GuidanceBranch, _ pass: Pass
  ) throws -> MatrixProduct.Prologue {
    guard let portrait = branch.portrait else { return .init() }
    let context = pass.execution.context
    let expression = pass.workspace.third.sliced(0..<queries.count)
    try attend(queries, to: portrait, into: expression, adding: false, pass)
    let target = try common.moments(on: context)
    let found = try expression.moments(on: context)
    let ratio = target.standardDeviation / (found.standardDeviation + 1e-5)
    let shift = target.mean - found.mean * ratio
    let scale = Double(branch.expressionScale)
    let shifts = [Float](repeating: Float(scale * shift), count: common.shape[1])
    return .init(
      add: try Tensor(shifts, shape: [shifts.count]), addend: expression,
      addendFactor: Float(scale * ratio))
  }
}
