import Foundation
import Layers
import PortraitModels
import WanModels

/// Sizes of all networks of a job.
package struct ModelGeometry: Sendable, Equatable, Codable {
  package var transformer: TransformerConfig
  package var portraitEncoder: PortraitEncoderConfig
  package var motionEncoder: MotionEncoderConfig
  package var textEncoder: TextEncoderConfig
  package var imageEncoder: ImageEncoderConfig
  package var vae: WanVAEConfig
  package var tinyVAE: TinyVAEConfig

  enum CodingKeys: String, CodingKey {
    case transformer
    case portraitEncoder = "portrait_encoder"
    case motionEncoder = "motion_encoder"
    case textEncoder = "text_encoder"
    case imageEncoder = "image_encoder"
    case vae
    case tinyVAE = "tiny_vae"
  }

  /// The published sizes: Wan2.1-I2V-14B with FlashPortrait's own networks.
  package static let wan14B = ModelGeometry(
    transformer: .wan14B, portraitEncoder: .published, motionEncoder: .published,
    textEncoder: .umt5XXL, imageEncoder: .vitHuge14, vae: .wan21, tinyVAE: .wan21)

  /// The transformer's widths of Wan2.1-1.3B, all else as published.
  package static let wan1Point3B = {
    var geometry = wan14B
    geometry.transformer = .wan1Point3B
    return geometry
  }()

  /// The geometries that have a name.
  package static let named: [(name: String, geometry: ModelGeometry)] = [
    ("14b", wan14B), ("1.3b", wan1Point3B), ("tiny", tiny),
  ]

  /// The geometry of a file that changes some sizes of a named one, see `GeometryFile`.
  ///
  /// - Throws: `PipelineError`.
  package static func read(_ path: String) throws -> ModelGeometry {
    try PipelineError.naming(path) {
      let geometry = try GeometryFile(path: path).read()
      try geometry.validate()
      return geometry
    }
  }

  /// The text of a file with all sizes; equal geometries give equal bytes.
  package func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }

  /// Makes sure that each network can be built, and that they fit together.
  ///
  /// - Throws: `NetworkError.configuration`, `PipelineError.inconsistentGeometry`.
  package func validate() throws {
    try transformer.validate()
    try portraitEncoder.validate()
    try motionEncoder.validate()
    try textEncoder.validate()
    try imageEncoder.validate()
    try vae.validate()
    try tinyVAE.validate()
    for fit in fits where fit.value != fit.needed {
      throw PipelineError.inconsistentGeometry(
        key: fit.key, value: fit.value, other: fit.other, needed: fit.needed)
    }
  }

  /// What one network takes and another makes.
  private var fits: [(key: String, value: Int, other: String, needed: Int)] {
    let widths = [
      ("transformer.text_dim", transformer.textDim, "text_encoder.dim", textEncoder.dim),
      ("transformer.image_dim", transformer.imageDim, "image_encoder.dim", imageEncoder.dim),
      (
        "transformer.portrait_dim", transformer.portraitDim, "portrait_encoder.output_dim",
        portraitEncoder.outputDim
      ),
      ("transformer.out_dim", transformer.outDim, "vae.z_dim", vae.zDim),
      ("tiny_vae.latent_channels", tinyVAE.latentChannels, "vae.z_dim", vae.zDim),
      (
        // Noisy latents, the picture's latents, and of each frame in them whether it is given.
        "transformer.in_dim", transformer.inDim, "vae (twice z_dim and a mask)",
        2 * vae.zDim + vae.temporalFactor
      ),
    ]
    let layouts = ExpressionLayout.Part.allCases.map { part in
      (
        "portrait_encoder.layout.\(part.rawValue)", portraitEncoder.layout[part].count,
        "motion_encoder.layout.\(part.rawValue)", motionEncoder.layout[part].count
      )
    }
    return widths + layouts
  }
}
