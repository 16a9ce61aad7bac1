import Checkpoints

/// An adapter (LoRA) that is merged into a network's weights.
package struct ModelAdapter: Sendable, Equatable {
  package var path: String
  /// How strongly it counts.
  package var weight: Float
  package var rules: AdapterRules

  package init(path: String, weight: Float = 1, rules: AdapterRules = .standard) {
    self.path = path
    self.weight = weight
    self.rules = rules
  }
}
