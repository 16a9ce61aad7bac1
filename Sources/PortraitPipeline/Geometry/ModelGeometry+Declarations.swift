import Layers
import PortraitModels
import TensorCore
import WanModels

extension ModelGeometry {
  /// The tensors of a network, as it claims them when it is loaded, by their names in the published
  /// checkpoint.
  ///
  /// - Throws: `NetworkError.configuration`.
  package func declarations(of network: NetworkName) throws -> [TensorDeclaration] {
    let source = RecordingTensorSource()
    let execution = Execution()
    switch network {
    case .transformer: _ = try Transformer(transformer, weights: source, execution: execution)
    case .portraitEncoder:
      _ = try PortraitEncoder(portraitEncoder, weights: source, execution: execution)
    case .motionEncoder:
      _ = try MotionEncoder(motionEncoder, weights: source, execution: execution)
    case .textEncoder: _ = try TextEncoder(textEncoder, weights: source, execution: execution)
    case .imageEncoder:
      _ = try ImageEncoder(
        imageEncoder, weights: source.scoped(ImageEncoder.checkpointPrefix), execution: execution)
    case .vae:
      // One half after the other: packed, the weights take memory even where they are blank.
      _ = try WanVAEEncoder(vae, weights: source, execution: execution)
      _ = try WanVAEDecoder(vae, weights: source, execution: execution)
    case .tinyVAE:
      _ = try TinyVAEDecoder(tinyVAE, weights: source, execution: execution)
      if tinyVAE.encoderWidth != nil {
        _ = try TinyVAEEncoder(tinyVAE, weights: source, execution: execution)
      }
    }
    return source.declarations
  }
}
