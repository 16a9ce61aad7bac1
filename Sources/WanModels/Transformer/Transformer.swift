import Layers
import Synchronization
import TensorCore

/// The video diffusion transformer with an expression branch in every block (Wan2.1 `WanModel`,
/// FlashPortrait).
///
/// Weights stay where their source has them, a mapped file mostly; with streamed residency no more
/// than two blocks of them need memory. Adapters are merged into one block after the other, in every
/// pass anew, so they take the memory of one.
package final class Transformer: Sendable {
  package let config: TransformerConfig
  package let execution: Execution

  private let patchEmbedding: Linear  // patch_embedding: a convolution whose patches never overlap
  private let timeEmbedding: TimeEmbedding  // time_embedding, time_projection
  private let textEmbedding: TextEmbedding  // text_embedding
  private let imageEmbedding: ImageEmbedding  // img_emb
  private let blocks: [TransformerBlock]  // blocks, as they are stored
  private let merged: (any TensorSource)?
  /// Each merged block takes the memory of the one before: fresh pages would have to be cleared.
  private let mergedMemory = Mutex<BlockCache.Extension?>(nil)
  private let headModulation: Tensor  // head.modulation, [1, 2, dim] float32
  private let head: Linear  // head.head
  private let stream: WeightStream
  private let latestTime = Mutex<(timestep: Double, conditions: TimeConditions)?>(nil)

  /// - Parameters:
  ///   - weights: by their names in the checkpoint.
  ///   - merged: the same with adapters merged into what is claimed, nil where there are none. The
  ///     blocks are claimed from it in every pass, so what it throws must show beforehand.
  ///   - residency: whether the blocks' weights stay in memory.
  /// - Throws: `NetworkError.configuration`; what the source throws.
  package init(
    _ config: TransformerConfig, weights: any TensorSource, merged: (any TensorSource)? = nil,
    execution: Execution, residency: WeightResidency = .resident
  ) throws {
    try config.validate()
    self.config = config
    self.execution = execution
    self.merged = merged
    let outer = merged ?? weights
    patchEmbedding = try Linear(patches: config, weights: outer.scoped("patch_embedding."))
    timeEmbedding = try TimeEmbedding(config, weights: outer, execution: execution)
    textEmbedding = try TextEmbedding(config, weights: outer, execution: execution)
    imageEmbedding = try ImageEmbedding(config, weights: outer, execution: execution)
    blocks = try (0..<config.numLayers).map {
      try TransformerBlock(config, weights: weights.scoped("blocks.\($0)."))
    }
    headModulation = try outer.claim(
      "head.modulation", shape: [1, 2, config.dim], as: .f32)
    head = try Linear(
      config.dim, config.outDim * config.patchPositions, weights: outer.scoped("head.head."))
    stream = WeightStream(residency)
  }

  /// Seconds that blocks have waited for their weights to come from disk.
  package var secondsWaitedForWeights: Double { stream.secondsWaited }

  // MARK: What stays the same over steps

  /// The prompt as the blocks attend to it.
  ///
  /// - Parameter text: `[n, text_dim]`, n at most the text length: the text encoder's rows.
  package func textContext(_ text: Tensor) throws -> AttentionContext {
    AttentionContext(.text, rows: try textEmbedding(text))
  }

  /// The picture as the blocks attend to it.
  ///
  /// - Parameter image: `[257, image_dim]`: the image encoder's rows.
  package func imageContext(_ image: Tensor) throws -> AttentionContext {
    AttentionContext(.image, rows: try imageEmbedding(image))
  }

  /// A window's expression tokens as the blocks attend to them.
  ///
  /// - Parameters:
  ///   - tokens: `[frames, n, portrait_dim]`: those of each latent frame, which its tokens attend to;
  ///     or `[n, portrait_dim]`, which all tokens attend to.
  ///   - keepsKeys: whether keys and values stay for the next step: `keyBytes(rows:)` of memory.
  package func portraitContext(
    _ tokens: Tensor, keepsKeys: Bool = true
  ) throws -> AttentionContext {
    guard (2...3).contains(tokens.shape.rank), tokens.count > 0,
      tokens.shape[-1] == config.portraitDim
    else {
      throw NetworkError.input(
        network: TransformerConfig.network, name: "expression tokens",
        expected: "[frames, tokens, \(config.portraitDim)]", found: "\(tokens.shape)")
    }
    let groups = tokens.shape.rank == 3 ? tokens.shape[0] : 1
    let rows = try tokens.reshaped([tokens.count / config.portraitDim, config.portraitDim])
    return AttentionContext(
      .portrait, rows: try rows.converted(to: execution.activationType, on: execution.context),
      groupCount: groups, keepsKeys: keepsKeys)
  }

  /// Bytes of all blocks' keys and values of that many context rows, rounding aside.
  package func keyBytes(rows: Int) -> Int {
    2 * rows * config.dim * execution.activationType.byteCount * config.numLayers
  }

  /// Where the tokens of a window lie.
  ///
  /// - Parameters: as those of `TokenGrid`.
  package func grid(
    latents: Shape, sequenceLength: Int? = nil, override: RotaryOverride? = nil
  ) throws -> TokenGrid {
    try TokenGrid(
      latents: latents, config: config, sequenceLength: sequenceLength, override: override)
  }

  // MARK: A pass

  /// Hidden states on their way through the blocks.
  package struct State: Sendable {
    package let grid: TokenGrid
    package let time: TimeConditions
    /// After the last block that ran.
    package internal(set) var hidden: HiddenStates
  }

  /// Sees the hidden states after a block; they are overwritten by the next.
  package typealias BlockObserver = (_ block: Int, _ hidden: HiddenStates) throws -> Void

  /// Predicts the velocity for every branch.
  ///
  /// - Parameters:
  ///   - latents: `[16, F, H, W]`.
  ///   - condition: `[20, F, H, W]`: mask and the picture's latents.
  ///   - timestep: 0 to 1000.
  ///   - grid: made for this shape.
  ///   - observer: called after every block.
  /// - Returns: `[out_dim, F, H, W]` float32 for each branch.
  /// - Throws: `NetworkError.input`, `TensorError`, what the observer throws.
  package func callAsFunction(
    _ latents: Tensor, condition: Tensor, timestep: Double, grid: TokenGrid,
    branches: [GuidanceBranch], observer: BlockObserver? = nil
  ) throws -> [Tensor] {
    var state = try embed(latents, condition: condition, timestep: timestep, grid: grid)
    try runBlocks(&state, branches: branches, observer: observer)
    return try branches.indices.map { try velocity(of: state.hidden.branch($0), state) }
  }

  /// The hidden states before the first block, shared by all branches.
  ///
  /// - Parameters: as those of a whole pass.
  package func embed(
    _ latents: Tensor, condition: Tensor, timestep: Double, grid: TokenGrid
  ) throws -> State {
    try check(latents, condition, grid)
    let rows = try Patches(grid: grid, patch: config.patchSize).rows(of: [latents, condition])
    let hidden = try Tensor(uninitialized: [grid.sequenceLength, config.dim], dtype: .f32)
    _ = try patchEmbedding(rows, into: hidden.sliced(0..<grid.tokenCount), execution)
    let padding = hidden.sliced(grid.tokenCount..<grid.sequenceLength)
    padding.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: padding.byteCount)
    return State(
      grid: grid, time: try timeConditions(timestep), hidden: HiddenStates(rows: hidden, copies: 1))
  }

  /// Runs all blocks, each once for all branches.
  package func runBlocks(
    _ state: inout State, branches: [GuidanceBranch], observer: BlockObserver? = nil
  ) throws {
    for branch in branches { try check(branch, state.grid) }
    guard !branches.isEmpty else { return }
    let copies = state.hidden.copies
    precondition(
      copies == 1 || copies == branches.count, "states of \(copies) branches, not \(branches.count)"
    )
    let workspace = try BlockWorkspace(
      sequenceLength: state.grid.sequenceLength, branches: branches.count, config: config,
      type: execution.activationType)
    let contexts = branches.flatMap(\.contexts)
    let weights = blocks.enumerated().map { $1.streamedWeights($0, contexts) }
    try stream.forEach(weights, repeats: true) { index in
      let pass = CrossAttention.Pass(block: index, workspace: workspace, execution: execution)
      state.hidden = try block(index, contexts)(
        state.hidden, time: state.time, grid: state.grid, branches: branches, pass)
      try observer?(index, state.hidden)
    }
  }

  /// A block as a pass uses it. Merging needs all cores, as the pass does, so nothing is gained by
  /// doing it ahead.
  private func block(
    _ index: Int, _ contexts: [AttentionContext]
  ) throws -> TransformerBlock {
    guard let merged else { return blocks[index] }
    let block = try blocks[index].replaced(
      by: merged.scoped("blocks.\(index)."), index, contexts, config)
    mergedMemory.withLock { memory in
      if memory == nil { memory = BlockCache.Extension(by: block.mergedBytes) }
    }
    return block
  }

  /// The head (Wan2.1 `Head`, `unpatchify`).
  ///
  /// - Parameter hidden: `[sequence length, dim]` float32: a branch's states after the last block, or
  ///   a prediction of them.
  /// - Returns: `[out_dim, F, H, W]` float32.
  /// - Throws: `NetworkError.input`, `TensorError`.
  package func velocity(of hidden: Tensor, _ state: State) throws -> Tensor {
    try velocity(of: hidden, time: state.time, grid: state.grid)
  }

  /// The head, for hidden states that no pass has computed.
  ///
  /// - Parameters:
  ///   - hidden: `[sequence length, dim]` float32.
  ///   - time: of the step that they are of.
  package func velocity(
    of hidden: Tensor, time: TimeConditions, grid: TokenGrid
  ) throws -> Tensor {
    let expected: Shape = [grid.sequenceLength, config.dim]
    guard hidden.shape == expected else {
      throw NetworkError.input(
        network: TransformerConfig.network, name: "hidden states", expected: "\(expected)",
        found: "\(hidden.shape)")
    }
    let m = try Modulation(headModulation, time: time.e, on: execution.context)
    let rows = try head(
      hidden,
      prologue: m.prologue(
        shift: 0, scale: 1, epsilon: config.epsilon, on: execution.context), outputType: .f32,
      execution)
    return try Patches(grid: grid, patch: config.patchSize)
      .latents(from: rows, channels: config.outDim)
  }

  /// The embedded timestep; that of the last call is remembered, since all windows of a step share
  /// it.
  package func timeConditions(_ timestep: Double) throws -> TimeConditions {
    if let known = latestTime.withLock({ $0 }), known.timestep == timestep {
      return known.conditions
    }
    let conditions = try timeEmbedding(timestep)
    latestTime.withLock { $0 = (timestep, conditions) }
    return conditions
  }

  // MARK: Checks

  private func check(_ latents: Tensor, _ condition: Tensor, _ grid: TokenGrid) throws {
    let patch = config.patchSize
    let window = [grid.frames, grid.rows * patch[1], grid.columns * patch[2]]
    for (name, tensor) in [("latents", latents), ("condition", condition)]
    where Array(tensor.shape.axes.dropFirst()) != window {
      let sizes = window.map(String.init).joined(separator: ", ")
      throw NetworkError.input(
        network: TransformerConfig.network, name: name, expected: "[channels, \(sizes)]",
        found: "\(tensor.shape)")
    }
    guard latents.shape[0] + condition.shape[0] == config.inDim else {
      throw NetworkError.input(
        network: TransformerConfig.network, name: "latents and condition",
        expected: "\(config.inDim) channels",
        found: "\(latents.shape[0]) and \(condition.shape[0])")
    }
  }

  private func check(_ branch: GuidanceBranch, _ grid: TokenGrid) throws {
    guard let portrait = branch.portrait, portrait.groupCount > 1 else { return }
    guard portrait.groupCount <= grid.sequenceLength else {
      throw NetworkError.input(
        network: TransformerConfig.network, name: "expression tokens",
        expected: "those of \(grid.frames) latent frames", found: "\(portrait.groupCount)")
    }
  }
}

extension Linear {
  /// The patch embedding's convolution as a product: `[dim, channels, 1, rows, columns]`, each output
  /// channel's weights in a row.
  fileprivate init(patches config: TransformerConfig, weights: any TensorSource) throws {
    let shape = Shape([config.dim, config.inDim] + config.patchSize)
    let kernel = try weights.claim("weight", shape: shape)
    self.init(
      weight: try kernel.reshaped([config.dim, config.inDim * config.patchPositions]),
      bias: try weights.claim("bias", shape: [config.dim], as: .f32))
  }
}
