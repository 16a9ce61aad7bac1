import TensorCore

/// What merging adapters will do to a network, found out before any weight is read or written.
package enum AdapterPreview {
  /// - Parameters:
  ///   - weights: the network's names, as adapters know them, and their shapes.
  ///   - adapters: with their strengths.
  /// - Returns: one report for each adapter.
  /// - Throws: `CheckpointError.adapterMismatch` as merging would.
  package static func reports(
    of adapters: [(adapter: Adapter, strength: Float)],
    on weights: [(name: String, shape: Shape)], component: AdapterComponent = .transformer,
    rules: AdapterRules = .standard
  ) throws -> [AdapterReport] {
    try adapters.map { adapter, strength in
      var merge = AdapterMerge(
        adapter: adapter, strength: strength, rules: rules, component: component)
      for weight in weights { _ = try merge.terms(for: weight.name, shape: weight.shape) }
      return try merge.finish()
    }
  }
}
