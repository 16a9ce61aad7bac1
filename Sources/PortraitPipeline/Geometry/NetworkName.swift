import Checkpoints

/// The networks of a job, by the names that users give them.
package enum NetworkName: String, CaseIterable, Sendable {
  case transformer
  case portraitEncoder = "portrait-encoder"
  case motionEncoder = "motion-encoder"
  case textEncoder = "text-encoder"
  case imageEncoder = "image-encoder"
  case vae
  case tinyVAE = "tiny-vae"

  /// What recognition calls it; the transformer with its expression branch.
  package var kind: NetworkKind {
    switch self {
    case .transformer: .flashPortraitTransformer
    case .portraitEncoder: .portraitEncoder
    case .motionEncoder: .motionEncoder
    case .textEncoder: .textEncoder
    case .imageEncoder: .imageEncoder
    case .vae: .wanVAE
    case .tinyVAE: .tinyVAE
    }
  }
}
