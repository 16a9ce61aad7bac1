import Layers

/// Sizes of a Wan video autoencoder, and how its latents are normalised.
///
/// The keys are those of the published code (`WanVAE_`), `temperal_downsample` included.
package struct WanVAEConfig: Sendable, Equatable, Codable {
  /// Channels at full resolution.
  package var dim: Int
  /// Channels of a latent.
  package var zDim: Int
  /// Channels of each level as a multiple of `dim`, from the full resolution down; every level but
  /// the last halves rows and columns.
  package var dimMult: [Int]
  /// Residual blocks of a level; the decoder has one more.
  package var numResBlocks: Int
  /// For each level but the last, whether it halves the frames too.
  package var temperalDownsample: [Bool]
  /// What is subtracted from each channel of a latent.
  package var latentsMean: [Float]
  /// What each channel is then divided by.
  package var latentsStd: [Float]

  enum CodingKeys: String, CodingKey {
    case dim
    case zDim = "z_dim"
    case dimMult = "dim_mult"
    case numResBlocks = "num_res_blocks"
    case temperalDownsample = "temperal_downsample"
    case latentsMean = "latents_mean"
    case latentsStd = "latents_std"
  }

  /// - Parameters:
  ///   - latentsMean: nil for the published values, which are for 16 channels; latents of another
  ///     width are then left as they are.
  ///   - latentsStd: likewise.
  /// - Throws: `NetworkError.configuration`.
  package init(
    dim: Int, zDim: Int, dimMult: [Int], numResBlocks: Int, temperalDownsample: [Bool],
    latentsMean: [Float]? = nil, latentsStd: [Float]? = nil
  ) throws {
    self.init(
      unchecked: dim, zDim, dimMult, numResBlocks, temperalDownsample, latentsMean, latentsStd)
    try validate()
  }

  private init(
    unchecked dim: Int, _ zDim: Int, _ dimMult: [Int], _ numResBlocks: Int,
    _ temperalDownsample: [Bool], _ latentsMean: [Float]?, _ latentsStd: [Float]?
  ) {
    self.dim = dim
    self.zDim = zDim
    self.dimMult = dimMult
    self.numResBlocks = numResBlocks
    self.temperalDownsample = temperalDownsample
    let isPublished = zDim == Self.publishedMean.count
    let channels = max(0, min(zDim, Self.channelLimit))
    self.latentsMean =
      latentsMean ?? (isPublished ? Self.publishedMean : [Float](repeating: 0, count: channels))
    self.latentsStd =
      latentsStd ?? (isPublished ? Self.publishedStd : [Float](repeating: 1, count: channels))
  }

  /// - Throws: `DecodingError`, `NetworkError.configuration`.
  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      dim: values.decode(Int.self, forKey: .dim), zDim: values.decode(Int.self, forKey: .zDim),
      dimMult: values.decode([Int].self, forKey: .dimMult),
      numResBlocks: values.decode(Int.self, forKey: .numResBlocks),
      temperalDownsample: values.decode([Bool].self, forKey: .temperalDownsample),
      latentsMean: values.decodeIfPresent([Float].self, forKey: .latentsMean),
      latentsStd: values.decodeIfPresent([Float].self, forKey: .latentsStd))
  }

  /// The autoencoder of Wan2.1 (`Wan2.1_VAE.pth`).
  package static let wan21 = WanVAEConfig(
    unchecked: 96, 16, [1, 2, 4, 4], 2, [false, true, true], nil, nil)

  /// Statistics of Wan2.1's latents, published with the model.
  private static let publishedMean: [Float] = [
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517,
    -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
  ]
  private static let publishedStd: [Float] = [
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579,
    1.6382, 1.1253, 2.8251, 1.9160,
  ]

  // MARK: Derived sizes

  /// Levels of resolution.
  package var levelCount: Int { dimMult.count }

  /// Channels of each level, from the full resolution down.
  package var widths: [Int] { dimMult.map { dim * $0 } }

  /// Rows (and columns) of pixels to one of a latent: 8.
  package var spatialFactor: Int { 1 << (levelCount - 1) }

  /// Pixel frames to a latent frame, but for the first, which stands for one: 4.
  package var temporalFactor: Int { 1 << temperalDownsample.count(where: { $0 }) }

  /// Latent frames of a clip.
  ///
  /// - Throws: `NetworkError.input` unless the count is one more than a multiple of
  ///   `temporalFactor`.
  package func latentFrames(ofPixelFrames count: Int) throws -> Int {
    guard count >= 1, (count - 1) % temporalFactor == 0 else {
      throw NetworkError.input(
        network: Self.network, name: "frames",
        expected: "1 more than a multiple of \(temporalFactor)", found: "\(count)")
    }
    return 1 + (count - 1) / temporalFactor
  }

  /// Pixel frames of a clip of that many latent frames.
  package func pixelFrames(ofLatentFrames count: Int) -> Int {
    count < 1 ? 0 : 1 + (count - 1) * temporalFactor
  }

  /// Checks the size of a picture, in pixels.
  ///
  /// - Throws: `NetworkError.input` unless both are positive multiples of `spatialFactor`.
  func validate(rows: Int, columns: Int) throws {
    for (name, size) in [("rows", rows), ("columns", columns)]
    where size < 1 || size % spatialFactor != 0 || size > Self.sideLimit {
      throw NetworkError.input(
        network: Self.network, name: name,
        expected: "a multiple of \(spatialFactor), at most \(Self.sideLimit)", found: "\(size)")
    }
  }

  // MARK: Validation

  /// What errors call the network.
  static let network = "video autoencoder"

  static let check = ConfigurationCheck<CodingKeys>(network)

  // Far beyond any use, and small enough that no size overflows.
  private static let channelLimit = 1 << 16
  private static let levelLimit = 8
  private static let blockLimit = 64
  private static let sideLimit = 1 << 20

  /// Makes sure that a network can be built with these sizes.
  ///
  /// - Throws: `NetworkError.configuration`.
  package func validate() throws {
    let check = Self.check
    let limit = Self.channelLimit
    try check.require((1...limit).contains(dim), .dim, "1 to \(limit)", dim)
    try check.require((1...limit).contains(zDim), .zDim, "1 to \(limit)", zDim)
    try check.require(
      (1...Self.levelLimit).contains(dimMult.count), .dimMult, "1 to \(Self.levelLimit) levels",
      dimMult)
    let fits = dimMult.allSatisfy { (1...limit).contains($0) && $0 * dim <= limit }
    try check.require(fits, .dimMult, "multiples of dim of at most \(limit) channels", dimMult)
    // Going up, a level hands half of its channels to the next.
    let halves = widths.dropFirst().allSatisfy { $0.isMultiple(of: 2) }
    try check.require(
      halves, .dimMult, "an even number of channels below the full resolution", widths)
    try check.require(
      (1...Self.blockLimit).contains(numResBlocks), .numResBlocks, "1 to \(Self.blockLimit)",
      numResBlocks)
    try check.require(
      temperalDownsample.count == levelCount - 1, .temperalDownsample,
      "\(levelCount - 1) values, one for each level but the last", temperalDownsample)
    try check.require(
      latentsMean.count == zDim && latentsMean.allSatisfy(\.isFinite), .latentsMean,
      "\(zDim) values", latentsMean)
    try check.require(
      latentsStd.count == zDim && latentsStd.allSatisfy { $0.isFinite && $0 > 0 }, .latentsStd,
      "\(zDim) positive values", latentsStd)
  }
}
