import Foundation
import Layers
import TensorCore
import WanModels

/// Sizes of all networks of a job.
package struct ModelGeometry: Sendable, Equatable, Codable {
  package var transformer: TransformerConfig

  /// The published sizes: Wan2.1-I2V-14B with FlashPortrait's own networks.
  package static let wan14B = ModelGeometry(transformer: .wan14B)

  /// The transformer's widths of Wan2.1-1.3B, all else as published.
  package static let wan1Point3B = ModelGeometry(transformer: .wan1Point3B)

  /// The geometries that have a name.
  package static let named: [(name: String, geometry: ModelGeometry)] = [
    ("14b", wan14B), ("1.3b", wan1Point3B), ("tiny", tiny),
  ]

  /// The geometry of a file that changes some sizes of a named one, see `GeometryFile`.
  ///
  /// - Throws: `PipelineError`, `NetworkError.configuration`.
  package static func read(_ path: String) throws -> ModelGeometry {
    let geometry = try GeometryFile(path: path).read()
    try geometry.validate()
    return geometry
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
    for fit in fits where fit.value != fit.needed {
      throw PipelineError.inconsistentGeometry(
        key: fit.key, value: fit.value, other: fit.other, needed: fit.needed)
    }
  }

  /// What one network makes and another takes.
  private var fits: [(key: String, value: Int, other: String, needed: Int)] {
    [
      // Noisy latents, the picture's latents and a mask of four frames for each latent frame.
      (
        "transformer.in_dim", transformer.inDim, "transformer.out_dim", 2 * transformer.outDim + 4
      )
    ]
  }

  /// The tensors of a network, as it declares them.
  ///
  /// - Throws: `NetworkError.configuration`.
  package func declarations(of network: NetworkName) throws -> [TensorDeclaration] {
    let source = RecordingTensorSource()
    let execution = Execution(arithmetic: .bf16)
    switch network {
    case .transformer: _ = try Transformer(transformer, weights: source, execution: execution)
    }
    return source.declarations
  }
}

extension ModelGeometry {
  /// Small enough for a whole job in seconds, with everything that the published networks have.
  package static let tiny = {
    var geometry = wan14B
    geometry.transformer.dim = 128
    geometry.transformer.ffnDim = 320
    geometry.transformer.freqDim = 64
    geometry.transformer.textDim = 64
    geometry.transformer.textLength = 64
    geometry.transformer.imageDim = 64
    geometry.transformer.portraitDim = 96
    geometry.transformer.numHeads = 2
    geometry.transformer.numLayers = 3
    return geometry
  }()
}
