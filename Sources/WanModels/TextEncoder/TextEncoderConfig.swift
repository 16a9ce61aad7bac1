import Layers
import TensorCore

/// Sizes of the UMT5 text encoder (Wan2.1 `T5Encoder`). Keys are those of the published configuration
/// files' `text_encoder_kwargs`.
package struct TextEncoderConfig: Sendable, Equatable {
  /// Rows of the token table.
  package var vocabularySize: Int
  /// Width of the hidden states.
  package var dim: Int
  /// Width of queries, keys and values, all heads together.
  package var attentionDim: Int
  /// Width inside the feed-forward part.
  package var ffnDim: Int
  package var numHeads: Int
  package var numLayers: Int
  /// Classes of distances between tokens, each with a bias for every head.
  package var numBuckets: Int
  /// Whether all blocks share one table of biases (T5) or each has its own (UMT5).
  package var sharesPositions: Bool

  /// UMT5-XXL, the text encoder of Wan2.1.
  package static let umt5XXL = TextEncoderConfig(
    vocabularySize: 256_384, dim: 4096, attentionDim: 4096, ffnDim: 10_240, numHeads: 64,
    numLayers: 24, numBuckets: 32, sharesPositions: false)

  /// Of the RMS norms.
  package static let epsilon: Float = 1e-6

  /// Channels of a head.
  package var headDim: Int { attentionDim / numHeads }

  /// Operations of a pass over one text of that many tokens, a multiply-add counted as two; norms and
  /// softmax are not counted.
  package func operations(length: Int) -> Double {
    let products = 4 * dim * attentionDim + 3 * dim * ffnDim
    let attention = 2 * length * attentionDim
    return 2 * Double(numLayers) * Double(length) * Double(products + attention)
  }

  /// Makes sure that a network can be built with these sizes.
  ///
  /// - Throws: `NetworkError.configuration`.
  package func validate() throws {
    let check = Self.check
    try check.sizes([(.vocabularySize, vocabularySize)], limit: .vocabulary)
    try check.sizes([
      (.dim, dim), (.attentionDim, attentionDim), (.ffnDim, ffnDim), (.numHeads, numHeads),
      (.numBuckets, numBuckets),
    ])
    try check.sizes([(.numLayers, numLayers)], limit: .layers)
    try check.require(
      attentionDim % numHeads == 0, .numHeads, "a divisor of \(attentionDim)", numHeads)
    try check.require(
      numBuckets % 2 == 0 && RelativePositions.bucketCounts.contains(numBuckets), .numBuckets,
      "an even number in \(RelativePositions.bucketCounts)", numBuckets)
  }

  /// What errors call the network.
  static let network = "text encoder"

  private static let check = ConfigurationCheck<CodingKeys>(network)
}

extension TextEncoderConfig: Codable {
  enum CodingKeys: String, CodingKey {
    case vocabularySize = "vocab"
    case dim
    case attentionDim = "dim_attn"
    case ffnDim = "dim_ffn"
    case numHeads = "num_heads"
    case numLayers = "num_layers"
    case numBuckets = "num_buckets"
    case sharesPositions = "shared_pos"
  }

  /// The configuration of a checkpoint, from the shapes of its tensors.
  ///
  /// - Throws: `NetworkError.unknownSize`, `.configuration`.
  package init(shapes: NamedShapes) throws {
    func size(_ key: CodingKeys, _ tensor: String, axis: Int) throws -> Int {
      try Self.check.size(key, of: tensor, axis: axis, in: shapes)
    }
    let sharedTable = "pos_embedding.embedding.weight"
    sharesPositions = shapes[sharedTable] != nil
    let table = sharesPositions ? sharedTable : "blocks.0.\(sharedTable)"
    vocabularySize = try size(.vocabularySize, "token_embedding.weight", axis: 0)
    dim = try size(.dim, "token_embedding.weight", axis: 1)
    attentionDim = try size(.attentionDim, "blocks.0.attn.q.weight", axis: 0)
    ffnDim = try size(.ffnDim, "blocks.0.ffn.fc1.weight", axis: 0)
    numHeads = try size(.numHeads, table, axis: 1)
    numBuckets = try size(.numBuckets, table, axis: 0)
    numLayers = shapes.count(of: "blocks")
    try validate()
  }
}
