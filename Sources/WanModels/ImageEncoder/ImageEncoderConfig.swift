import Layers
import TensorCore

/// Sizes of the CLIP image tower (Wan2.1 `VisionTransformer`). Keys are those of its constructor.
package struct ImageEncoderConfig: Sendable, Equatable, Codable {
  /// Rows and columns of the picture.
  package var imageSize: Int
  /// Rows and columns of a patch.
  package var patchSize: Int
  /// Width of the hidden states.
  package var dim: Int
  /// Width inside the feed-forward part, in widths of the hidden states.
  package var mlpRatio: Double
  /// Width of the projection that the whole model ends with and that is not used here.
  package var outDim: Int
  package var numHeads: Int
  /// Blocks of the checkpoint; the last of them is never run.
  package var numLayers: Int

  enum CodingKeys: String, CodingKey {
    case imageSize = "image_size"
    case patchSize = "patch_size"
    case dim
    case mlpRatio = "mlp_ratio"
    case outDim = "out_dim"
    case numHeads = "num_heads"
    case numLayers = "num_layers"
  }

  /// ViT-H/14 of OpenCLIP's `xlm-roberta-large-ViT-H-14`, which Wan2.1-I2V uses.
  package static let vitHuge14 = ImageEncoderConfig(
    imageSize: 224, patchSize: 14, dim: 1280, mlpRatio: 4, outDim: 1024, numHeads: 16,
    numLayers: 32)

  package init(
    imageSize: Int, patchSize: Int, dim: Int, mlpRatio: Double, outDim: Int, numHeads: Int,
    numLayers: Int
  ) {
    self.imageSize = imageSize
    self.patchSize = patchSize
    self.dim = dim
    self.mlpRatio = mlpRatio
    self.outDim = outDim
    self.numHeads = numHeads
    self.numLayers = numLayers
  }

  /// Sizes of a checkpoint.
  ///
  /// - Parameters:
  ///   - shapes: in the network's names, without `ImageEncoder.checkpointPrefix`.
  ///   - numHeads: the shapes do not tell; heads are as wide as the published ones where nil.
  /// - Throws: `NetworkError.unknownSize`, `.configuration`.
  package init(shapes: NamedShapes, numHeads: Int? = nil) throws {
    func size(_ key: CodingKeys, _ tensor: String, axis: Int) throws -> Int {
      try Self.check.size(key, of: tensor, axis: axis, in: shapes)
    }
    dim = try size(.dim, "patch_embedding.weight", axis: 0)
    patchSize = try size(.patchSize, "patch_embedding.weight", axis: 2)
    let positions = try size(.imageSize, "pos_embedding", axis: 1)
    let side = Int(Double(max(positions - 1, 0)).squareRoot().rounded())
    let hidden = try size(.mlpRatio, "transformer.0.mlp.0.weight", axis: 0)
    mlpRatio = Double(hidden) / Double(max(dim, 1))
    outDim = shapes.size("head", axis: 1) ?? Self.vitHuge14.outDim
    numLayers = shapes.count(of: "transformer")
    self.numHeads = numHeads ?? dim / Self.vitHuge14.headDim
    try Self.check.require(
      side * side == positions - 1, .imageSize, "a square of patches and one class position",
      positions)
    try Self.check.sizes([(.patchSize, patchSize)])
    imageSize = side * patchSize
    try validate()
  }

  /// What errors call the network.
  static let network = "image encoder"

  private static let check = ConfigurationCheck<CodingKeys>(network)

  /// Channels of a head.
  package var headDim: Int { dim / numHeads }

  /// Width inside the feed-forward part, rounded down as the published code does. The quotient of two
  /// whole numbers, as it is read from a checkpoint, may give back the first one short of a bit.
  package var mlpDim: Int { Int((Double(dim) * mlpRatio).nextUp) }

  /// Patches along each side.
  package var patchesPerSide: Int { imageSize / patchSize }

  /// Rows of hidden states of a picture: the class row and the patches.
  package var tokens: Int { patchesPerSide * patchesPerSide + 1 }

  /// Makes sure that a network can be built with these sizes.
  ///
  /// - Throws: `NetworkError.configuration`.
  package func validate() throws {
    let check = Self.check
    try check.sizes([
      (.imageSize, imageSize), (.patchSize, patchSize), (.dim, dim), (.outDim, outDim),
      (.numHeads, numHeads),
    ])
    try check.sizes([(.numLayers, numLayers)], limit: .layers)
    try check.require(
      imageSize % patchSize == 0, .imageSize, "a multiple of \(patchSize)", imageSize)
    try check.require(dim % numHeads == 0, .numHeads, "a divisor of \(dim)", numHeads)
    let hidden = Double(dim) * mlpRatio
    try check.require(
      (1...Double(SizeLimit.axis.rawValue)).contains(hidden), .mlpRatio,
      "a hidden width of 1 to \(SizeLimit.axis.rawValue)", mlpRatio)
  }
}
