import Layers
import TensorCore

/// Sizes of the motion encoder (PD-FGC `FanEncoder`, its `FAN_use` with one hourglass). The depth of
/// the hourglass and the number of blocks are fixed by the architecture.
package struct MotionEncoderConfig: Sendable, Equatable, Codable {
  /// Rows and columns of the aligned crop.
  package var imageSize: Int
  /// Channels after the first convolution.
  package var stemChannels: Int
  /// Channels at half the resolution.
  package var channels: Int
  /// Channels of the hourglass.
  package var hourglassChannels: Int
  /// Heat maps, one for each landmark.
  package var maps: Int
  /// Width of the features that all heads read, and inside the heads.
  package var features: Int
  /// Numbers of the heads.
  package var layout: ExpressionLayout

  enum CodingKeys: String, CodingKey {
    case imageSize = "image_size"
    case stemChannels = "stem_channels"
    case channels
    case hourglassChannels = "hourglass_channels"
    case maps, features, layout
  }

  /// PD-FGC's, `pd_fpg.pth`.
  package static let published = MotionEncoderConfig(
    imageSize: 224, stemChannels: 64, channels: 128, hourglassChannels: 256, maps: 68,
    features: 512, layout: .published)

  package init(
    imageSize: Int, stemChannels: Int, channels: Int, hourglassChannels: Int, maps: Int,
    features: Int, layout: ExpressionLayout
  ) {
    self.imageSize = imageSize
    self.stemChannels = stemChannels
    self.channels = channels
    self.hourglassChannels = hourglassChannels
    self.maps = maps
    self.features = features
    self.layout = layout
  }

  /// Sizes of a checkpoint.
  ///
  /// - Throws: `NetworkError.unknownSize`, `.configuration`.
  package init(shapes: NamedShapes) throws {
    func size(_ key: CodingKeys, _ tensor: String, axis: Int) throws -> Int {
      try Self.check.size(key, of: tensor, axis: axis, in: shapes)
    }
    func width(_ part: ExpressionLayout.Part, _ tensor: String) throws -> Int {
      try ExpressionLayout.check(Self.network).size(part, of: tensor, axis: 0, in: shapes)
    }
    stemChannels = try size(.stemChannels, "model.conv1.weight", axis: 0)
    // A block's first convolution has half of its channels.
    channels = 2 * (try size(.channels, "model.conv2.conv1.weight", axis: 0))
    hourglassChannels = try size(.hourglassChannels, "model.conv_last0.weight", axis: 0)
    maps = try size(.maps, "model.l0.weight", axis: 0)
    features = try size(.features, "model.fc.weight", axis: 0)
    layout = ExpressionLayout(
      headPose: try width(.headPose, "headpose_embed.1.weight"),
      eyes: try width(.eyes, "eye_embed.1.weight"),
      emotion: try width(.emotion, "emo_embed.1.weight"),
      mouth: try width(.mouth, "to_mouth.3.weight"))
    let positions = try size(.imageSize, "model.fc.weight", axis: 1)
    let side = Int(Double(positions).squareRoot().rounded())
    try Self.check.require(
      side * side == positions, .imageSize, "a square of positions in 'model.fc.weight'",
      positions)
    imageSize = side * Self.reduction
    try validate()
  }

  /// What errors call the network.
  static let network = "motion encoder"

  private static let check = ConfigurationCheck<CodingKeys>(network)

  /// Times that the hourglass halves its picture.
  package static let hourglassDepth = 4

  /// Rows of the picture for each of the last map: the first convolution, the pooling and the last
  /// convolution each halve it.
  private static let reduction = 8

  /// Rows and columns of the hourglass.
  var hourglassSize: Int { imageSize / 4 }

  /// Rows and columns of the last map.
  var mapSize: Int { imageSize / Self.reduction }

  /// Makes sure that a network can be built with these sizes.
  ///
  /// - Throws: `NetworkError.configuration`.
  package func validate() throws {
    let check = Self.check
    try check.sizes([
      (.imageSize, imageSize), (.stemChannels, stemChannels), (.channels, channels),
      (.hourglassChannels, hourglassChannels), (.maps, maps), (.features, features),
    ])
    try layout.validate(Self.network)
    try check.require(
      imageSize % Self.reduction == 0 && hourglassSize >> Self.hourglassDepth >= 1, .imageSize,
      "a multiple of \(Self.reduction), at least \(4 << Self.hourglassDepth)", imageSize)
    try check.require(channels % 4 == 0, .channels, "a multiple of 4", channels)
    try check.require(
      hourglassChannels % 4 == 0, .hourglassChannels, "a multiple of 4", hourglassChannels)
    try ExpressionLayout.check(Self.network).require(
      layout.mouth == features, .mouth, "\(features): the mouth's are features as they are",
      layout.mouth)
  }
}
