import Foundation
import Layers
import TensorCore

/// Sizes of the video diffusion transformer (Wan2.1 `WanModel`, FlashPortrait's expression branch
/// included). Keys are those of the published `config.json`.
package struct TransformerConfig: Sendable, Equatable {
  /// Width of the hidden states.
  package var dim: Int
  /// Width inside the feed-forward part.
  package var ffnDim: Int
  /// Numbers that a timestep is spread over, cosines and sines.
  package var freqDim: Int
  /// Width of the text encoder's rows.
  package var textDim: Int
  /// Rows that every prompt is filled up to.
  package var textLength: Int
  /// Width of the image encoder's rows.
  package var imageDim: Int
  /// Width of the portrait encoder's tokens.
  package var portraitDim: Int
  /// Channels that go in: latents and condition.
  package var inDim: Int
  /// Channels that come out.
  package var outDim: Int
  /// Frames, rows and columns of the latents in a token; one frame.
  package var patchSize: [Int]
  package var numHeads: Int
  package var numLayers: Int
  /// Of the block's layer and RMS norms.
  package var epsilon: Float
  /// Whether queries and keys are normalised; always, in the published models.
  package var qkNorm: Bool
  /// Whether `norm3` has weights; always, in the published models.
  package var crossAttentionNorm: Bool

  /// Wan2.1-I2V-14B with FlashPortrait's expression branch.
  package static let wan14B = TransformerConfig(
    dim: 5120, ffnDim: 13824, freqDim: 256, textDim: 4096, textLength: 512, imageDim: 1280,
    portraitDim: 2048, inDim: 36, outDim: 16, patchSize: [1, 2, 2], numHeads: 40, numLayers: 40,
    epsilon: 1e-6, qkNorm: true, crossAttentionNorm: true)

  /// The widths of Wan2.1-1.3B, with the same inputs and expression branch.
  package static let wan1Point3B: TransformerConfig = {
    var config = wan14B
    (config.dim, config.ffnDim, config.numHeads, config.numLayers) = (1536, 8960, 12, 30)
    return config
  }()

  /// What errors call the network.
  static let network = "transformer"

  private static let check = ConfigurationCheck<CodingKeys>(network)

  /// Channels of a head.
  package var headDim: Int { dim / numHeads }

  /// Latent positions in a token.
  package var patchPositions: Int { patchSize.reduce(1, *) }

  /// Makes sure that a network can be built with these sizes.
  ///
  /// - Throws: `NetworkError.configuration`.
  package func validate() throws {
    let check = Self.check
    try check.sizes([
      (.dim, dim), (.ffnDim, ffnDim), (.freqDim, freqDim), (.textDim, textDim),
      (.textLength, textLength), (.imageDim, imageDim), (.portraitDim, portraitDim),
      (.inDim, inDim), (.outDim, outDim), (.numHeads, numHeads),
    ])
    try check.sizes([(.numLayers, numLayers)], limit: .layers)
    try check.require(
      patchSize.count == 3 && patchSize.allSatisfy { (1...16).contains($0) } && patchSize[0] == 1,
      .patchSize, "[1, rows, columns]", patchSize)
    try check.require(
      dim % (2 * numHeads) == 0, .numHeads, "heads of an even width from \(dim)", numHeads)
    try check.require(freqDim % 2 == 0, .freqDim, "an even number", freqDim)
    try check.require(
      epsilon > 0 && epsilon.isFinite, .epsilon, "a small positive number", epsilon)
    try check.require(qkNorm, .qkNorm, "true, as in the published models", qkNorm)
    try check.require(
      crossAttentionNorm, .crossAttentionNorm, "true, as in the published models",
      crossAttentionNorm)
  }
}

extension TransformerConfig: Codable {
  enum CodingKeys: String, CodingKey, CaseIterable {
    case dim
    case ffnDim = "ffn_dim"
    case freqDim = "freq_dim"
    case textDim = "text_dim"
    case textLength = "text_len"
    case imageDim = "image_dim"
    case portraitDim = "portrait_dim"
    case inDim = "in_dim"
    case outDim = "out_dim"
    case patchSize = "patch_size"
    case numHeads = "num_heads"
    case numLayers = "num_layers"
    case epsilon = "eps"
    case qkNorm = "qk_norm"
    case crossAttentionNorm = "cross_attn_norm"
  }

  /// What a configuration file says; it may leave out whatever the tensors tell.
  private struct Partial: Decodable {
    let values: KeyedDecodingContainer<CodingKeys>

    init(from decoder: any Decoder) throws {
      values = try decoder.container(keyedBy: CodingKeys.self)
    }
  }

  /// The configuration of a checkpoint: what the file names, the rest from the tensors' shapes, what
  /// neither tells as in the published models.
  ///
  /// - Parameters:
  ///   - shapes: of the checkpoint, in the network's names.
  ///   - file: content of `config.json`, nil where there is none.
  /// - Throws: `NetworkError.configuration`, `.unknownSize`.
  package init(shapes: NamedShapes, file: Data? = nil) throws {
    let values: KeyedDecodingContainer<CodingKeys>?
    do {
      values = try file.map { try JSONDecoder().decode(Partial.self, from: $0).values }
    } catch {
      throw Self.unreadable(error)
    }
    func value<Value: Decodable>(_ key: CodingKeys, _ type: Value.Type) throws -> Value? {
      do { return try values?.decodeIfPresent(type, forKey: key) } catch {
        throw Self.unreadable(error, key: key)
      }
    }
    func size(_ key: CodingKeys, _ tensor: String, axis: Int) throws -> Int {
      try value(key, Int.self) ?? Self.check.size(key, of: tensor, axis: axis, in: shapes)
    }
    dim = try size(.dim, "patch_embedding.weight", axis: 0)
    ffnDim = try size(.ffnDim, "blocks.0.ffn.0.weight", axis: 0)
    freqDim = try size(.freqDim, "time_embedding.0.weight", axis: 1)
    textDim = try size(.textDim, "text_embedding.0.weight", axis: 1)
    textLength = try value(.textLength, Int.self) ?? Self.wan14B.textLength
    imageDim = try size(.imageDim, "img_emb.proj.1.weight", axis: 1)
    portraitDim = try size(.portraitDim, "blocks.0.cross_attn.emo_k_proj.weight", axis: 1)
    inDim = try size(.inDim, "patch_embedding.weight", axis: 1)
    patchSize =
      try value(.patchSize, [Int].self)
      ?? shapes["patch_embedding.weight"].map { Array($0.axes.dropFirst(2)) }
      ?? Self.wan14B.patchSize
    let positions = max(patchSize.reduce(1, { $0 &* $1 }), 1)
    outDim =
      try value(.outDim, Int.self) ?? size(.outDim, "head.head.weight", axis: 0) / positions
    let layers = shapes.count(of: "blocks")
    numLayers = try value(.numLayers, Int.self) ?? layers
    // Shapes do not tell the heads; those of every published model are 128 wide.
    numHeads = try value(.numHeads, Int.self) ?? dim / Self.wan14B.headDim
    epsilon = try value(.epsilon, Float.self) ?? Self.wan14B.epsilon
    qkNorm = try value(.qkNorm, Bool.self) ?? true
    crossAttentionNorm = try value(.crossAttentionNorm, Bool.self) ?? true
    try validate()
  }

  private static func unreadable(_ error: any Error, key: CodingKeys? = nil) -> NetworkError {
    NetworkError.configuration(
      network: network, key: key?.rawValue ?? "config.json", expected: "JSON of that type",
      found: (error as? DecodingError).map(Self.wording) ?? "\(error)")
  }

  private static func wording(_ error: DecodingError) -> String {
    switch error {
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      context.debugDescription
    case .keyNotFound(let key, _): "no key '\(key.stringValue)'"
    @unknown default: "\(error)"
    }
  }
}
