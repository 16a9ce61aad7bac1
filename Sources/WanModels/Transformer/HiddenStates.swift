import TensorCore

/// The residual stream of all branches, float32. Until something tells the branches apart they share
/// one copy.
package struct HiddenStates: Sendable {
  /// `[copies * sequence length, dim]`.
  let rows: Tensor
  /// 1, or the number of branches.
  let copies: Int

  /// A branch's hidden states, a view that the next block overwrites.
  ///
  /// - Returns: `[sequence length, dim]` float32.
  package func branch(_ index: Int) -> Tensor { copy(copies == 1 ? 0 : index) }

  /// Tokens of a branch, padding included.
  var sequenceLength: Int { rows.shape[0] / copies }

  func copy(_ index: Int) -> Tensor {
    rows.sliced(index * sequenceLength..<(index + 1) * sequenceLength)
  }

  /// Copies that are taken through a product together: few tokens alone would not fill it.
  func slabs(rowLimit: Int) -> [Range<Int>] {
    let step = max(1, rowLimit / max(sequenceLength, 1))
    return stride(from: 0, to: copies, by: step).map { $0..<min($0 + step, copies) }
  }

  /// A copy for each branch; undefined content where this has one copy for several.
  func separated(for branches: Int) throws -> HiddenStates {
    if copies == branches { return self }
    let shape: Shape = [branches * sequenceLength, rows.shape[1]]
    return HiddenStates(rows: try Tensor(uninitialized: shape, dtype: .f32), copies: branches)
  }
}

/// Memory that all blocks of a pass use one after another.
struct BlockWorkspace {
  /// Copies are taken together up to this many rows.
  static let slabRows = 4096
  /// Rows of the feed-forward part's inner states take at most this much memory.
  static let innerLimit = 128 << 20

  /// `[rows, dim]` each, in the activations' type: queries, keys and values of self-attention; then
  /// queries, attention to prompt and picture, and to expression tokens.
  let first: Tensor, second: Tensor, third: Tensor
  /// `[some rows, ffn_dim]`.
  let inner: Tensor

  init(sequenceLength: Int, branches: Int, config: TransformerConfig, type: DType) throws {
    let rows = max(sequenceLength, min(branches * sequenceLength, Self.slabRows))
    first = try Tensor(uninitialized: [rows, config.dim], dtype: type)
    second = try Tensor(uninitialized: [rows, config.dim], dtype: type)
    third = try Tensor(uninitialized: [rows, config.dim], dtype: type)
    let most = Self.innerLimit / (config.ffnDim * type.byteCount)
    let total = branches * sequenceLength
    // Whole multiples of what a product takes at a time.
    inner = try Tensor(
      uninitialized: [min(total, max(1024, most / 1024 * 1024)), config.ffnDim], dtype: type)
  }
}
