import Layers
import TensorCore

/// Sizes of the portrait encoder.
package struct PortraitEncoderConfig: Sendable, Equatable, Codable {
  /// Features of a frame.
  package var layout: ExpressionLayout
  /// Width of the tokens.
  package var outputDim: Int
  package var mouth: ResamplerConfig
  package var emotion: ResamplerConfig

  enum CodingKeys: String, CodingKey {
    case layout
    case outputDim = "output_dim"
    case mouth = "mouth_proj_model"
    case emotion = "emo_proj_model"
  }

  /// FlashPortrait's `portrait_encoder.pt`.
  package static let published = PortraitEncoderConfig(
    layout: .published, outputDim: 2048, mouth: .mouth, emotion: .emotion)

  package init(
    layout: ExpressionLayout, outputDim: Int, mouth: ResamplerConfig, emotion: ResamplerConfig
  ) {
    self.layout = layout
    self.outputDim = outputDim
    self.mouth = mouth
    self.emotion = emotion
  }

  /// Sizes of a checkpoint.
  ///
  /// - Parameter dimHead: the shapes do not tell; as published where nil.
  /// - Throws: `NetworkError.unknownSize`, `.configuration`.
  package init(shapes: NamedShapes, dimHead: Int? = nil) throws {
    func width(of part: ExpressionLayout.Part) throws -> Int {
      try ExpressionLayout.check(Self.network).size(
        part, of: "proj_model.\(part.rawValue)_proj.weight", axis: 1, in: shapes)
    }
    layout = ExpressionLayout(
      headPose: try width(of: .headPose), eyes: try width(of: .eyes),
      emotion: try width(of: .emotion), mouth: try width(of: .mouth))
    mouth = try ResamplerConfig(shapes: shapes, under: CodingKeys.mouth, dimHead: dimHead)
    emotion = try ResamplerConfig(shapes: shapes, under: CodingKeys.emotion, dimHead: dimHead)
    outputDim = mouth.outputDim
    try validate()
  }

  /// What errors call the network.
  static let network = "portrait encoder"

  /// Tokens of a frame.
  package var tokensPerFrame: Int {
    ExpressionLayout.Part.allCases.count + mouth.numQueries + emotion.numQueries
  }

  /// Makes sure that a network can be built with these sizes.
  ///
  /// - Throws: `NetworkError.configuration`.
  package func validate() throws {
    try layout.validate(Self.network)
    try ConfigurationCheck<CodingKeys>(Self.network).sizes([(.outputDim, outputDim)])
    for (key, resampler, width) in [
      (CodingKeys.mouth, mouth, layout.mouth), (.emotion, emotion, layout.emotion),
    ] {
      try resampler.validate(under: key)
      let check = ResamplerConfig.check(under: key)
      try check.require(
        resampler.embeddingDim == width, .embeddingDim, "\(width)", resampler.embeddingDim)
      try check.require(
        resampler.outputDim == outputDim, .outputDim, "\(outputDim)", resampler.outputDim)
    }
  }
}
