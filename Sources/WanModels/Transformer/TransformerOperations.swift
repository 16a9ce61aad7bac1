import TensorCore

extension TransformerConfig {
  /// Operations of all blocks where keys and values of the contexts are made already: products and
  /// attention, a multiply-add counted as two.
  ///
  /// The first block's self-attention is counted once, and so is its attention to a prompt and a
  /// picture that several branches share: that is how often they are computed.
  ///
  /// - Parameters:
  ///   - tokens: of the window.
  ///   - branches: of the guidance, in the order in which they are run.
  package func blockOperations(tokens: Int, _ branches: [GuidanceBranch]) -> Double {
    let count = Double(branches.count)
    let (length, width) = (Double(tokens), Double(dim))
    func attention(_ context: AttentionContext) -> Double {
      4 * length * Double(context.rowsPerGroup) * width
    }
    let square = 2 * length * width * width
    let toTokens = 4 * square + 4 * length * length * width
    let common = branches.map { attention($0.text) + attention($0.image) }
    let own = branches.map { $0.portrait.map(attention) ?? 0 }.reduce(0, +)
    let feedForward = 4 * length * width * Double(ffnDim)
    let perBlock =
      count * (toTokens + 2 * square + feedForward) + common.reduce(0, +) + own
    var shared = (count - 1) * (toTokens + square)
    for index in branches.indices.dropFirst()
    where branches[index].text === branches[index - 1].text
      && branches[index].image === branches[index - 1].image
    {
      shared += common[index]
    }
    return perBlock * Double(numLayers) - shared
  }
}
