import Layers
import TensorCore

/// One of the transformer's blocks (Wan2.1 `WanAttentionBlock`).
struct TransformerBlock: Sendable {
  let modulation: Tensor  // modulation, [1, 6, dim] float32
  let selfAttention: SelfAttention  // self_attn
  let crossNorm: LayerNorm  // norm3
  let crossAttention: CrossAttention  // cross_attn
  let expansion: Linear  // ffn.0
  let contraction: Linear  // ffn.2
  private let epsilon: Float

  /// Rows of the learned and the timestep's modulation.
  private enum Row {
    static let attentionShift = 0, attentionScale = 1, attentionGate = 2
    static let feedForwardShift = 3, feedForwardScale = 4, feedForwardGate = 5
  }

  /// - Parameter known: projections that need not be claimed.
  init(
    _ config: TransformerConfig, weights: any TensorSource,
    known: [AttentionContext.Kind: KeyValueProjection] = [:]
  ) throws {
    modulation = try weights.claim("modulation", shape: [1, 6, config.dim], as: .f32)
    selfAttention = try SelfAttention(config, weights: weights.scoped("self_attn."))
    crossNorm = try LayerNorm(
      config.dim, epsilon: config.epsilon, weights: weights.scoped("norm3."))
    crossAttention = try CrossAttention(
      config, weights: weights.scoped("cross_attn."), known: known)
    expansion = try Linear(config.dim, config.ffnDim, weights: weights.scoped("ffn.0."))
    contraction = try Linear(config.ffnDim, config.dim, weights: weights.scoped("ffn.2."))
    epsilon = config.epsilon
  }

  /// The weights that a pass reads.
  ///
  /// - Parameters:
  ///   - contexts: what the branches attend to; those whose keys the block has already need none.
  func streamedWeights(_ block: Int, _ contexts: [AttentionContext]) -> [Tensor] {
    let projections = Self.missingKeys(of: block, contexts).map(crossAttention.projection)
    return weights(with: projections)
  }

  /// The weights of products, with those of some projections.
  private func weights(with projections: [KeyValueProjection]) -> [Tensor] {
    selfAttention.streamedWeights
      + [crossAttention.query, crossAttention.output, expansion, contraction].map(\.weight)
      + projections.flatMap { [$0.key.weight, $0.value.weight] }
  }

  /// Of which contexts a block has yet to make keys and values.
  private static func missingKeys(
    of block: Int, _ contexts: [AttentionContext]
  ) -> Set<AttentionContext.Kind> {
    Set(contexts.filter { !$0.hasKeys(of: block) }.map(\.kind))
  }

  /// Bytes of the weights that lie in memory of their own.
  var mergedBytes: Int {
    weights(with: AttentionContext.Kind.allCases.map(crossAttention.projection))
      .filter { $0.storage.file == nil }.reduce(0) { $0 + $1.byteCount }
  }

  /// The block with the weights of another source; projections whose keys are there already are
  /// those of this block, since nobody will use them.
  ///
  /// - Parameters:
  ///   - weights: the source, scoped to the block.
  ///   - contexts: what the branches attend to.
  func replaced(
    by weights: any TensorSource, _ block: Int, _ contexts: [AttentionContext],
    _ config: TransformerConfig
  ) throws -> TransformerBlock {
    let unused = Set(AttentionContext.Kind.allCases)
      .subtracting(Self.missingKeys(of: block, contexts))
    return try TransformerBlock(
      config, weights: weights,
      known: Dictionary(
        uniqueKeysWithValues: unused.map { ($0, crossAttention.projection($0)) }))
  }

  /// - Parameter hidden: overwritten where it has a copy for each branch already.
  func callAsFunction(
    _ hidden: HiddenStates, time: TimeConditions, grid: TokenGrid, branches: [GuidanceBranch],
    _ pass: CrossAttention.Pass
  ) throws -> HiddenStates {
    let execution = pass.execution
    let m = try Modulation(modulation, time: time.e0, on: execution.context)
    try selfAttention.add(
      to: hidden,
      prologue: m.prologue(
        shift: Row.attentionShift, scale: Row.attentionScale, epsilon: epsilon,
        on: execution.context),
      gate: m.vectors[Row.attentionGate], grid: grid, pass.workspace, execution)
    let result = try crossAttention.added(
      to: hidden, prologue: crossNorm.prologue, branches: branches, pass)
    try addFeedForward(
      to: result.rows,
      prologue: m.prologue(
        shift: Row.feedForwardShift, scale: Row.feedForwardScale, epsilon: epsilon,
        on: execution.context),
      gate: m.vectors[Row.feedForwardGate], pass)
    return result
  }

  /// `x += gate * ffn.2(GELU(ffn.0(norm(x))))`, some rows at a time.
  private func addFeedForward(
    to x: Tensor, prologue: MatrixProduct.Prologue, gate: Tensor, _ pass: CrossAttention.Pass
  ) throws {
    let step = pass.workspace.inner.shape[0]
    for start in stride(from: 0, to: x.shape[0], by: step) {
      let rows = x.sliced(start..<min(start + step, x.shape[0]))
      let inner = pass.workspace.inner.sliced(0..<rows.shape[0])
      _ = try expansion(
        rows, prologue: prologue, epilogue: .init(activation: .geluTanh), into: inner,
        pass.execution)
      _ = try contraction(
        inner, epilogue: .init(gate: gate, residual: rows), into: rows, pass.execution)
    }
  }
}
