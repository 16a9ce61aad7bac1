import TensorCore

/// One guidance branch's pass over one window in one step.
package struct KeptPass: Sendable, Hashable {
  package var window: Int
  package var prediction: Guidance.Prediction
  package var step: Int

  package init(window: Int, prediction: Guidance.Prediction, step: Int) {
    self.window = window
    self.prediction = prediction
    self.step = step
  }
}

/// Keeps what passes have left for the steps that are not computed: hidden states, several of every
/// window, which together may be larger than memory.
package protocol PassStore: AnyObject {
  /// Keeps a pass's tensors, which are not written to any more, in the place of those that it may
  /// have.
  func write(_ tensors: [(name: String, tensor: Tensor)], of pass: KeptPass) throws

  /// The tensors of a pass that is kept, by name; they may lie in a mapped file.
  func tensors(of pass: KeptPass) throws -> [String: Tensor]

  /// Forgets all other passes.
  func keep(only passes: Set<KeptPass>) throws
}

/// Keeps passes in memory.
package final class MemoryPassStore: PassStore {
  private var passes: [KeptPass: [String: Tensor]] = [:]

  package init() {}

  package func write(_ tensors: [(name: String, tensor: Tensor)], of pass: KeptPass) {
    passes[pass] = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.tensor) })
  }

  package func tensors(of pass: KeptPass) throws -> [String: Tensor] {
    guard let tensors = passes[pass] else { throw DiffusionError.passNotKept(pass) }
    return tensors
  }

  package func keep(only passes: Set<KeptPass>) {
    self.passes = self.passes.filter { passes.contains($0.key) }
  }

  /// Bytes of all that is kept.
  package var byteCount: Int {
    passes.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.byteCount } }
  }
}
