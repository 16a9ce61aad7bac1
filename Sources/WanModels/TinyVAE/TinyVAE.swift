import Layers
import TensorCore

/// The tiny video autoencoder of a checkpoint, which may lack the encoder.
package struct TinyVAE: Sendable {
  package let config: TinyVAEConfig
  package let decoder: TinyVAEDecoder
  /// nil where `config.encoderWidth` is.
  package let encoder: TinyVAEEncoder?

  /// - Parameter weights: by the published names.
  /// - Throws: `NetworkError.configuration`, what the source throws, `TensorError`.
  package init(_ config: TinyVAEConfig, weights: any TensorSource, execution: Execution) throws {
    self.config = config
    decoder = try TinyVAEDecoder(config, weights: weights, execution: execution)
    encoder = try config.encoderWidth.map { _ in
      try TinyVAEEncoder(config, weights: weights, execution: execution)
    }
  }
}
