import Checkpoints

/// The networks of a job, by the names that users give them.
package enum NetworkName: String, CaseIterable, Sendable {
  case transformer

  /// What recognition calls it; the transformer with its expression branch.
  package var kind: NetworkKind {
    switch self {
    case .transformer: .flashPortraitTransformer
    }
  }
}
