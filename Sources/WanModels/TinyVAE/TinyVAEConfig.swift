import Layers
import TensorCore

/// Sizes of a tiny video autoencoder (the TAEHV design by madebyollin), made for the latents of
/// another one.
package struct TinyVAEConfig: Sendable, Equatable, Codable {
  /// Channels of the decoder's three stages and of its head, from the latents up.
  package var decoderWidths: [Int]
  /// Channels of the encoder; nil where a checkpoint has none.
  package var encoderWidth: Int?
  /// Channels of a latent.
  package var latentChannels: Int
  /// Output channels of each stage's growth in time as the checkpoint has them, nil for as many as
  /// are needed; of more only the last ones count.
  package var growthChannels: [Int]?

  enum CodingKeys: String, CodingKey {
    case decoderWidths = "decoder_widths"
    case encoderWidth = "encoder_width"
    case latentChannels = "latent_channels"
    case growthChannels = "growth_channels"
  }

  package init(
    decoderWidths: [Int], encoderWidth: Int?, latentChannels: Int, growthChannels: [Int]? = nil
  ) {
    self.decoderWidths = decoderWidths
    self.encoderWidth = encoderWidth
    self.latentChannels = latentChannels
    self.growthChannels = growthChannels
  }

  /// The autoencoder for Wan2.1's latents (`fast_vae.pth`, upstream `taew2_1.pth`).
  package static let wan21 = TinyVAEConfig(
    decoderWidths: [256, 128, 64, 64], encoderWidth: 64, latentChannels: 16)

  // MARK: What the design fixes

  /// What errors call the network.
  static let network = "tiny VAE"

  private static let check = ConfigurationCheck<CodingKeys>(network)

  /// Frames that each stage of the decoder makes of one.
  static let growth = [1, 2, 2]
  /// Frames that each stage of the encoder makes one of.
  static let pooling = [2, 2, 1]
  /// Memory blocks of a stage.
  static let blocksPerStage = 3

  /// Rows (and columns) of pixels to one of a latent.
  package static let spatialFactor = 8
  /// Pixel frames to a latent frame.
  package static let temporalFactor = 4
  /// Frames at the start of a decoded clip that are cut off: the first latent frame is for one.
  package static let trimmedFrames = 3

  /// Pixel frames of a clip of that many latent frames.
  package static func pixelFrames(ofLatentFrames count: Int) -> Int {
    count < 1 ? 0 : temporalFactor * count - trimmedFrames
  }

  // MARK: Reading and checking

  /// The sizes of a checkpoint, read from its tensors' shapes.
  ///
  /// - Throws: `NetworkError.unknownSize`, `.configuration`.
  package init(shapes: NamedShapes) throws {
    func size(_ key: CodingKeys, _ tensor: String, axis: Int) throws -> Int {
      try Self.check.size(key, of: tensor, axis: axis, in: shapes)
    }
    decoderWidths = try ["1", "8", "14", "20"].map {
      try size(.decoderWidths, "decoder.\($0).weight", axis: 0)
    }
    latentChannels = try size(.latentChannels, "decoder.1.weight", axis: 1)
    let stored = try ["7", "13", "19"].map {
      try size(.growthChannels, "decoder.\($0).conv.weight", axis: 0)
    }
    growthChannels = stored == zip(decoderWidths, Self.growth).map(*) ? nil : stored
    encoderWidth = shapes.size("encoder.0.weight", axis: 0)
    try validate()
  }

  /// Makes sure that a network can be built with these sizes.
  ///
  /// - Throws: `NetworkError.configuration`.
  package func validate() throws {
    let check = Self.check
    let range = 1...1 << 16
    try check.require(
      decoderWidths.count == Self.growth.count + 1 && decoderWidths.allSatisfy(range.contains),
      .decoderWidths, "\(Self.growth.count + 1) numbers of 1 to \(range.upperBound)", decoderWidths)
    try check.require(
      range.contains(latentChannels), .latentChannels, "1 to \(range.upperBound)", latentChannels)
    if let encoderWidth {
      try check.require(
        range.contains(encoderWidth), .encoderWidth, "1 to \(range.upperBound)", encoderWidth)
    }
    if let growthChannels {
      let needed = zip(decoderWidths, Self.growth).map(*)
      try check.require(
        growthChannels.count == needed.count
          && zip(growthChannels, needed).allSatisfy { ($1...1 << 20).contains($0) },
        .growthChannels, "at least \(needed)", growthChannels)
    }
  }
}
