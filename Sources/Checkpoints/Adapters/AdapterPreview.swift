import TensorCore

/// What merging adapters will do to a network, found out before any weight is read or written.
package struct AdapterPreview: Sendable {
  /// One for each adapter.
  package let reports: [AdapterReport]

  /// For each weight that changes the operations of merging, a multiply-add counted as two.
  package let operations: [String: Double]

  /// - Parameter weights: the network's names, as adapters know them, and their shapes.
  /// - Throws: `CheckpointError.adapterMismatch` as merging would.
  package init(
    of adapters: [WeightedAdapter], on weights: [(name: String, shape: Shape)],
    component: AdapterComponent = .transformer
  ) throws {
    var operations: [String: Double] = [:]
    reports = try adapters.map { adapter in
      var merge = AdapterMerge(adapter, component: component)
      for weight in weights {
        for term in try merge.terms(for: weight.name, shape: weight.shape) {
          operations[weight.name, default: 0] += term.operations(shape: weight.shape)
        }
      }
      return try merge.finish()
    }
    self.operations = operations
  }
}

extension WeightTerm {
  /// Operations of adding it to a weight.
  fileprivate func operations(shape: Shape) -> Double {
    switch self {
    case .lowRank(let up, _, _): 2 * Double(up.shape[1]) * Double(shape.count)
    case .dense: 2 * Double(shape.count)
    }
  }
}
