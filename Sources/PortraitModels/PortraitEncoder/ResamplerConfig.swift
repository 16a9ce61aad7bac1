import Layers
import TensorCore

/// Sizes of a resampler (FlashPortrait `Resampler`). Keys are those of its constructor.
package struct ResamplerConfig: Sendable, Equatable, Codable {
  /// Width of the latents.
  package var dim: Int
  /// Layers.
  package var depth: Int
  /// Channels of a head.
  package var dimHead: Int
  package var heads: Int
  /// Latents of a frame: tokens that come out.
  package var numQueries: Int
  /// Width of the features that go in.
  package var embeddingDim: Int
  /// Width of the tokens.
  package var outputDim: Int
  /// Width inside the feed-forward part, in widths of the latents.
  package var ffMult: Int

  enum CodingKeys: String, CodingKey {
    case dim, depth
    case dimHead = "dim_head"
    case heads
    case numQueries = "num_queries"
    case embeddingDim = "embedding_dim"
    case outputDim = "output_dim"
    case ffMult = "ff_mult"
  }

  package init(
    dim: Int, depth: Int, dimHead: Int, heads: Int, numQueries: Int, embeddingDim: Int,
    outputDim: Int, ffMult: Int
  ) {
    self.dim = dim
    self.depth = depth
    self.dimHead = dimHead
    self.heads = heads
    self.numQueries = numQueries
    self.embeddingDim = embeddingDim
    self.outputDim = outputDim
    self.ffMult = ffMult
  }

  /// That of the mouth features.
  package static let mouth = ResamplerConfig(
    dim: 1280, depth: 4, dimHead: 64, heads: 20, numQueries: 16, embeddingDim: 512,
    outputDim: 2048, ffMult: 4)

  /// That of the emotion features.
  package static let emotion = ResamplerConfig(
    dim: 1280, depth: 4, dimHead: 64, heads: 20, numQueries: 4, embeddingDim: 30,
    outputDim: 2048, ffMult: 4)

  /// Sizes of a checkpoint.
  ///
  /// - Parameters:
  ///   - shapes: of the whole portrait encoder.
  ///   - part: what this resampler is called there and in the names of its tensors
  ///     ("mouth_proj_model").
  ///   - dimHead: the shapes do not tell; as published where nil.
  /// - Throws: `NetworkError.unknownSize`, `.configuration`.
  package init(
    shapes: NamedShapes, under part: any CodingKey, dimHead: Int? = nil
  ) throws {
    let check = Self.check(under: part)
    let prefix = part.stringValue + "."
    func size(_ key: CodingKeys, _ tensor: String, axis: Int) throws -> Int {
      try check.size(key, of: prefix + tensor, axis: axis, in: shapes)
    }
    dim = try size(.dim, "latents", axis: 2)
    numQueries = try size(.numQueries, "latents", axis: 1)
    embeddingDim = try size(.embeddingDim, "proj_in.weight", axis: 1)
    outputDim = try size(.outputDim, "proj_out.weight", axis: 0)
    depth = shapes.count(of: prefix + "layers")
    let inner = try size(.heads, "layers.0.0.to_q.weight", axis: 0)
    let hidden = try size(.ffMult, "layers.0.1.1.weight", axis: 0)
    self.dimHead = dimHead ?? Self.mouth.dimHead
    heads = inner / max(self.dimHead, 1)
    ffMult = hidden / max(dim, 1)
    try validate(under: part)
    try check.require(
      innerDim == inner, .dimHead, "a divisor of the heads' \(inner) channels", self.dimHead)
    try check.require(
      dim * ffMult == hidden, .ffMult, "a hidden width that is a multiple of \(dim)", hidden)
  }

  /// Channels of all heads.
  package var innerDim: Int { heads * dimHead }

  /// Makes sure that a network can be built with these sizes.
  ///
  /// - Parameter part: the key of this configuration in that of the portrait encoder.
  /// - Throws: `NetworkError.configuration`.
  package func validate(under part: (any CodingKey)? = nil) throws {
    let check = Self.check(under: part)
    try check.sizes([
      (.dim, dim), (.dimHead, dimHead), (.heads, heads), (.numQueries, numQueries),
      (.embeddingDim, embeddingDim), (.outputDim, outputDim), (.ffMult, ffMult),
    ])
    try check.sizes([(.depth, depth)], limit: .layers)
    let limit = SizeLimit.axis.rawValue
    try check.require(innerDim <= limit, .heads, "at most \(limit) channels of all heads", innerDim)
    try check.require(
      dim * ffMult <= limit, .ffMult, "a hidden width of at most \(limit)", dim * ffMult)
  }

  static func check(under part: (any CodingKey)?) -> ConfigurationCheck<CodingKeys> {
    ConfigurationCheck(PortraitEncoderConfig.network, under: part)
  }
}
