import Synchronization
import TensorCore

/// A source whose tensors have adapters merged into them when they are claimed: only the weights
/// that an adapter changes are copied, each when it is needed, and no mapped file is changed.
package final class MergedTensorSource: TensorSource {
  private let base: any TensorSource
  private let merges: Mutex<[AdapterMerge]>
  private let context: ComputeContext

  /// - Parameters:
  ///   - adapters: with their strengths, added up in this order.
  ///   - component: the network that the base belongs to.
  package init(
    _ base: any TensorSource, adapters: [(adapter: Adapter, strength: Float)],
    component: AdapterComponent = .transformer, rules: AdapterRules = .standard,
    on context: ComputeContext = .shared
  ) {
    self.base = base
    self.context = context
    merges = Mutex(
      adapters.map {
        AdapterMerge(
          adapter: $0.adapter, strength: $0.strength, rules: rules, component: component)
      })
  }

  package func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor {
    let terms = try merges.withLock { merges in
      try merges.indices.flatMap { try merges[$0].terms(for: name, shape: shape) }
    }
    guard !terms.isEmpty else { return try base.claim(name, shape: shape, as: dtype) }
    return try base.claim(name, shape: shape, as: nil).adding(terms, as: dtype, on: context)
  }

  /// What became of each adapter; call it when the network has claimed all it needs.
  ///
  /// - Throws: `CheckpointError.adapterMismatch`: an adapter that changed nothing, or tensors that
  ///   fit nothing and that the rules do not leave out.
  @discardableResult
  package func finish() throws -> [AdapterReport] {
    try merges.withLock { try $0.map { try $0.finish() } }
  }
}
