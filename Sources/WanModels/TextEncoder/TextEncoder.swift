import Layers
import TensorCore

/// A text as numbers, and which of them count.
package struct TextTokens: Sendable {
  /// Rows of the token table.
  package let ids: [Int32]
  /// For each number whether it counts; the others are padding.
  package let mask: [Bool]

  /// - Parameter mask: as long as `ids`; all count where nil.
  package init(_ ids: [Int32], mask: [Bool]? = nil) {
    precondition(mask.map { $0.count == ids.count } ?? true, "a mask for each token")
    self.ids = ids
    self.mask = mask ?? Array(repeating: true, count: ids.count)
  }
}

/// The UMT5 encoder that turns a prompt into hidden states (Wan2.1 `T5Encoder`).
///
/// Weights stay where their source has them, a mapped file mostly; with streamed residency no more
/// than two blocks of them need memory, and of the token table the rows of the prompt.
package final class TextEncoder: Sendable {
  package let config: TextEncoderConfig
  package let execution: Execution

  private let tokenTable: Tensor  // token_embedding.weight, [vocab, dim]
  private let blocks: [TextEncoderBlock]  // blocks, as they are stored
  private let merged: (any TensorSource)?
  private let sharedTable: Tensor?
  private let norm: RMSNorm  // norm
  private let stream: WeightStream

  /// - Parameters:
  ///   - weights: by their names in the checkpoint.
  ///   - merged: the same with adapters merged into what is claimed, nil where there are none. The
  ///     blocks are claimed from it in every pass, so what it throws must show beforehand.
  ///   - residency: whether the blocks' weights stay in memory; a job encodes its prompts once, so
  ///     by default they do not.
  /// - Throws: `NetworkError.configuration`; what the source throws.
  package init(
    _ config: TextEncoderConfig, weights: any TensorSource, merged: (any TensorSource)? = nil,
    execution: Execution, residency: WeightResidency = .streamed(keeping: 0)
  ) throws {
    try config.validate()
    self.config = config
    self.execution = execution
    self.merged = merged
    let outer = merged ?? weights
    tokenTable = try outer.claim(
      "token_embedding.weight", shape: [config.vocabularySize, config.dim])
    let sharedTable =
      config.sharesPositions ? try Self.positionTable(config, weights: outer) : nil
    self.sharedTable = sharedTable
    blocks = try (0..<config.numLayers).map {
      try TextEncoderBlock(
        config, sharedTable: sharedTable, weights: weights.scoped("blocks.\($0)."))
    }
    norm = try RMSNorm(
      config.dim, epsilon: TextEncoderConfig.epsilon, weights: outer.scoped("norm."))
    stream = WeightStream(residency)
  }

  static func positionTable(
    _ config: TextEncoderConfig, weights: any TensorSource
  ) throws -> Tensor {
    try weights.claim(
      "pos_embedding.embedding.weight", shape: [config.numBuckets, config.numHeads], as: .f32
    ).contiguous()
  }

  /// Seconds that blocks have waited for their weights to come from disk.
  package var secondsWaitedForWeights: Double { stream.secondsWaited }

  /// Which rows of a text to compute.
  package enum RowChoice: Sendable {
    /// Those that the mask counts: what the DiT takes. The others cost nothing.
    case counted
    /// All, the padding's too.
    case all
  }

  /// Sees the rows of all texts, `[rows, dim]` float32, after a block; they are overwritten by the
  /// next.
  package typealias BlockObserver = (_ block: Int, _ rows: Tensor) throws -> Void

  /// Encodes texts in one pass over the weights.
  ///
  /// - Returns: the hidden states of each text, `[rows, dim]` float32.
  /// - Throws: `NetworkError.input` for numbers outside the token table.
  package func callAsFunction(
    _ texts: [TextTokens], rows choice: RowChoice = .counted, observer: BlockObserver? = nil
  ) throws -> [Tensor] {
    var start = 0
    let rows = texts.map { text in
      let rows = TokenRows(text, coversAll: choice == .all, start: start)
      start = rows.range.upperBound
      return rows
    }
    let ids = texts.flatMap { text in
      text.ids.indices.filter { choice == .all || text.mask[$0] }.map { text.ids[$0] }
    }
    let x = try embedded(ids)
    if !ids.isEmpty {
      let workspace = try TextEncoderBlock.Workspace(
        rows: ids.count, config: config, type: execution.activationType)
      let present = rows.filter { !$0.range.isEmpty }
      try stream.forEach(blocks.map(\.streamedWeights)) { index in
        try block(index)(x, texts: present, workspace, execution)
        try observer?(index, x)
      }
    }
    let states = try norm(x, execution)
    return rows.map { states.sliced($0.range) }
  }

  /// A block as a pass uses it.
  private func block(_ index: Int) throws -> TextEncoderBlock {
    guard let merged else { return blocks[index] }
    return try TextEncoderBlock(
      config, sharedTable: sharedTable, weights: merged.scoped("blocks.\(index)."))
  }

  /// Rows of the token table: `[ids, dim]` float32.
  private func embedded(_ ids: [Int32]) throws -> Tensor {
    let x = try Tensor(uninitialized: [ids.count, config.dim], dtype: .f32)
    for (row, id) in ids.enumerated() {
      guard id >= 0, id < config.vocabularySize else {
        throw NetworkError.input(
          network: TextEncoderConfig.network, name: "token \(row)",
          expected: "a number from 0 to \(config.vocabularySize - 1)", found: "\(id)")
      }
      let source = try tokenTable.sliced(Int(id)..<Int(id) + 1)
        .converted(to: .f32, on: execution.context)
      x.sliced(row..<row + 1).pointer.copyMemory(
        from: source.pointer, byteCount: source.byteCount)
      withExtendedLifetime(source) {}
    }
    return x
  }
}
