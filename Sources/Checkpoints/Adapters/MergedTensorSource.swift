import Synchronization
import TensorCore

/// A source whose tensors have adapters merged into them when they are claimed: only the weights
/// that an adapter changes are copied, each when it is needed, and no mapped file is changed.
package final class MergedTensorSource: TensorSource {
  private let base: any TensorSource
  private let merges: Mutex<[AdapterMerge]>
  private let roundsAsStored: Bool
  private let context: ComputeContext

  /// - Parameters:
  ///   - adapters: added up in this order.
  ///   - component: the network that the base belongs to.
  ///   - roundsAsStored: whether sums are rounded to the type that the base stores whatever type is
  ///     asked for, as in a file that was merged beforehand.
  package init(
    _ base: any TensorSource, adapters: [WeightedAdapter],
    component: AdapterComponent = .transformer, roundsAsStored: Bool = true,
    on context: ComputeContext = .shared
  ) {
    self.base = base
    self.roundsAsStored = roundsAsStored
    self.context = context
    merges = Mutex(adapters.map { AdapterMerge($0, component: component) })
  }

  package func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor {
    let terms = try merges.withLock { merges in
      try merges.indices.flatMap { try merges[$0].terms(for: name, shape: shape) }
    }
    guard !terms.isEmpty else { return try base.claim(name, shape: shape, as: dtype) }
    let weight = try base.claim(name, shape: shape, as: nil)
    let sum = try weight.adding(terms, as: roundsAsStored ? nil : dtype, on: context)
    return try dtype.map { try sum.converted(to: $0, on: context) } ?? sum
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
