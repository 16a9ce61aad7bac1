import Checkpoints
import Layers
import TensorCore

/// What merging adapters into a network takes.
package struct MergingCost: Sendable, Equatable {
  /// Of changed weights that are in memory at a time: those outside the blocks, and those of one
  /// block, the largest.
  package var bytes: Int
  /// Of every pass over the blocks, a multiply-add counted as two.
  package var operations: Double

  package init(bytes: Int = 0, operations: Double = 0) {
    self.bytes = bytes
    self.operations = operations
  }
}

extension ModelFolder {
  /// What changes a network; no adapter where none has tensors for it. One that has tensors for no
  /// network counts as the transformer's, which refuses it.
  package func adapters(of name: NetworkName) throws -> [ModelAdapter] {
    try opened(of: name).map(\.0)
  }

  /// What merging takes in a job.
  ///
  /// - Throws: `CheckpointError`, `PipelineError`.
  package func mergingCost(of name: NetworkName) throws -> MergingCost {
    let adapters = try opened(of: name)
    guard !adapters.isEmpty else { return MergingCost() }
    let loader = try loader(name)
    let preview = try preview(adapters, loader, name)
    let shapes = loader.shapes
    var cost = MergingCost()
    var blocks: [Substring: Int] = [:]
    for (weight, operations) in preview.operations {
      let bytes =
        (shapes[weight]?.count ?? 0) * (loader.storedType(of: weight) ?? .f32).byteCount
      let parts = weight.split(separator: ".", maxSplits: 2)
      if parts.count == 3, parts[0] == "blocks" {
        blocks[parts[1], default: 0] += bytes
        cost.operations += operations
      } else {
        cost.bytes += bytes
      }
    }
    cost.bytes += blocks.values.max() ?? 0
    return cost
  }

  /// A network's weights with adapters merged into them as they are claimed, nil where none changes
  /// them. All tensors of the adapters are checked.
  ///
  /// - Throws: `CheckpointError.adapterMismatch`.
  func merged(
    _ loader: WeightLoader, _ name: NetworkName, on context: ComputeContext
  ) throws -> (any TensorSource)? {
    let adapters = try opened(of: name)
    guard let component = name.adapterComponent, !adapters.isEmpty else { return nil }
    _ = try preview(adapters, loader, name)
    // Those of weight 0 are checked, but cost nothing.
    let counting = adapters.map(\.1).filter { $0.strength != 0 }
    guard !counting.isEmpty else { return nil }
    return MergedTensorSource(loader, adapters: counting, component: component, on: context)
  }

  /// The files of `adapters(of:)`.
  func adapterFiles(of name: NetworkName) throws -> [any TensorFile] {
    try opened(of: name).map(\.1.adapter.file)
  }

  private func preview(
    _ adapters: [(ModelAdapter, WeightedAdapter)], _ loader: WeightLoader, _ name: NetworkName
  ) throws -> AdapterPreview {
    guard let component = name.adapterComponent else {
      preconditionFailure("no adapter changes the \(name)")
    }
    let shapes = loader.shapes
    return try AdapterPreview(
      of: adapters.map(\.1),
      on: shapes.names.compactMap { name in shapes[name].map { (name, $0) } },
      component: component)
  }

  private func opened(
    of name: NetworkName
  ) throws -> [(ModelAdapter, WeightedAdapter)] {
    guard let component = name.adapterComponent else { return [] }
    return try adapters.compactMap { adapter in
      let file = try Adapter.open(adapter.path)
      let isOfNobody = !file.hasTensors(for: .transformer) && !file.hasTensors(for: .textEncoder)
      guard file.hasTensors(for: component) || component == .transformer && isOfNobody else {
        return nil
      }
      return (
        adapter, WeightedAdapter(file, strength: adapter.weight, rules: adapter.rules)
      )
    }
  }
}

extension NetworkName {
  /// What adapters call it, nil for a network that they do not change.
  fileprivate var adapterComponent: AdapterComponent? {
    switch self {
    case .transformer: .transformer
    case .textEncoder: .textEncoder
    default: nil
    }
  }
}
