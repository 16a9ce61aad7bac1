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
      let tensor = "proj_model.\(part.rawValue)_proj.weight"
      if let found = shapes.size(tensor, axis: 1) { return found }
      throw NetworkError.unknownSize(
        network: PortraitEncoder.name, key: part.rawValue, tensor: tensor)
    }
    layout = ExpressionLayout(
      headPose: try width(of: .headPose), eyes: try width(of: .eyes),
      emotion: try width(of: .emotion), mouth: try width(of: .mouth))
    mouth = try ResamplerConfig(shapes: shapes, prefix: "mouth_proj_model.", dimHead: dimHead)
    emotion = try ResamplerConfig(shapes: shapes, prefix: "emo_proj_model.", dimHead: dimHead)
    outputDim = mouth.outputDim
    try validate()
  }

  /// Tokens of a frame.
  package var tokensPerFrame: Int {
    ExpressionLayout.Part.allCases.count + mouth.numQueries + emotion.numQueries
  }

  /// Makes sure that a network can be built with these sizes.
  ///
  /// - Throws: `NetworkError.configuration`.
  package func validate() throws {
    let check = ConfigurationCheck(PortraitEncoder.name)
    try layout.validate(check)
    try check.sizes([("output_dim", outputDim)])
    for (key, resampler, width) in [
      ("mouth_proj_model", mouth, layout.mouth), ("emo_proj_model", emotion, layout.emotion),
    ] {
      try resampler.validate()
      try check.require(
        resampler.embeddingDim == width, "\(key).embedding_dim", "\(width)",
        resampler.embeddingDim)
      try check.require(
        resampler.outputDim == outputDim, "\(key).output_dim", "\(outputDim)",
        resampler.outputDim)
    }
  }
}
