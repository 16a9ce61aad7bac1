/// An opened adapter and how it is merged.
package struct WeightedAdapter: Sendable {
  package let adapter: Adapter
  /// How strongly it counts.
  package let strength: Float
  package let rules: AdapterRules

  package init(_ adapter: Adapter, strength: Float = 1, rules: AdapterRules = .standard) {
    self.adapter = adapter
    self.strength = strength
    self.rules = rules
  }
}
