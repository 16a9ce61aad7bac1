import TensorCore

// What a window takes: operations for rates, bytes for plans.

extension TransformerConfig {
  /// Operations of a pass over a window, a multiply-add counted as two: blocks alone, keys and values
  /// of prompt and picture made already.
  ///
  /// - Parameters:
  ///   - tokens: of the window.
  ///   - contextRows: of prompt and picture together.
  ///   - portraitRows: those that a token attends to.
  ///   - branches: guidance branches, each with all of it.
  package func operations(
    tokens: Int, contextRows: Int, portraitRows: Int, branches: Int
  ) -> Double {
    let (length, width) = (Double(tokens), Double(dim))
    let products = 2 * length * width * (6 * width + 2 * Double(ffnDim))
    let attention = 4 * length * width * Double(tokens + contextRows + portraitRows)
    return Double(branches * numLayers) * (products + attention)
  }

  /// At most about how many bytes a pass takes: hidden states of all branches and what the blocks
  /// share, and what is kept for reuse; neither weights nor the contexts' keys.
  ///
  /// - Parameter type: of the activations.
  package func memoryNeeded(tokens: Int, branches: Int, type: DType) -> Int {
    let hidden = (branches + 1) * tokens * dim * DType.f32.byteCount
    let rows = max(tokens, min(branches * tokens, BlockWorkspace.slabRows))
    let keys = 2 * tokens * dim * type.byteCount
    // A product packs what it multiplies: at most the inner states.
    let packed = min(branches * tokens * ffnDim * type.byteCount, BlockWorkspace.innerLimit)
    return hidden + 3 * rows * dim * type.byteCount + BlockWorkspace.innerLimit + packed + keys
      + BlockCache.shared.limit
  }
}
