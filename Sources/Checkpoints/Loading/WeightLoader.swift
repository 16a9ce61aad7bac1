import Synchronization
import TensorCore

/// Hands the tensors of one or more checkpoints to a network, and then reports everything that did
/// not fit in one error.
///
///     let loader = try WeightLoader(network: "transformer", origins: [base, overlay])
///     let network = try Transformer(config: config, weights: loader)
///     try loader.finish()
package final class WeightLoader: TensorSource {
  private let network: String
  private let origins: [WeightOrigin]
  private let ignored: [GlobPattern]

  /// For each of the network's names the last origin that has it.
  private let places: [String: Place]
  private let state = Mutex(State())

  private struct Place {
    let origin: Int
    let entry: TensorEntry
  }

  private struct State {
    var claimed: Set<String> = []
    var missing: [String: Shape] = [:]
    var misshaped: [String: WeightReport.Misshaped] = [:]
  }

  /// - Parameters:
  ///   - network: what the error calls it.
  ///   - origins: the checkpoints; where two have a tensor, the later one counts.
  ///   - ignoring: patterns (`*` for any text) of the network's names that may stay unused.
  /// - Throws: `CheckpointError.duplicateTensor` where renaming makes two names of one file equal.
  package init(network: String, origins: [WeightOrigin], ignoring: [String] = []) throws {
    self.network = network
    self.origins = origins
    ignored = ignoring.map(GlobPattern.init)
    var places: [String: Place] = [:]
    for (number, origin) in origins.enumerated() {
      for entry in origin.file.entries {
        guard let name = origin.networkName(of: entry.name) else { continue }
        let former = places.updateValue(Place(origin: number, entry: entry), forKey: name)
        guard former?.origin != number else {
          throw CheckpointError.duplicateTensor(path: origin.file.path, tensor: name)
        }
      }
    }
    self.places = places
  }

  package func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor {
    guard let place = places[name] else {
      state.withLock { $0.missing[name] = shape }
      return try Tensor(blank: shape, dtype: dtype ?? .f32)
    }
    let file = origins[place.origin].file
    let fits = place.entry.shape == shape
    state.withLock { state in
      state.claimed.insert(name)
      if !fits {
        state.misshaped[name] = WeightReport.Misshaped(
          name: name, expected: shape, found: place.entry.shape, path: file.path)
      }
    }
    guard fits else { return try Tensor(blank: shape, dtype: dtype ?? place.entry.dtype) }
    let tensor = try file.tensor(place.entry.name)
    return try dtype.map { try tensor.converted(to: $0) } ?? tensor
  }

  /// The shapes of all tensors that can be claimed: a network's sizes are read from them.
  package var shapes: NamedShapes {
    NamedShapes(places.map { ($0.key, $0.value.entry.shape) }.sorted { $0.0 < $1.0 })
  }

  /// The element type in which a tensor is stored, nil where no origin has it.
  package func storedType(of name: String) -> DType? { places[name]?.entry.dtype }

  /// Makes sure that everything fitted; call it when the network has claimed all it needs.
  ///
  /// - Throws: `CheckpointError.mismatch` with every missing, mis-shaped and unused tensor.
  package func finish() throws {
    let state = state.withLock { $0 }
    let unused = places.keys.filter { name in
      !state.claimed.contains(name) && !ignored.contains { $0.matches(name) }
    }
    if state.missing.isEmpty && state.misshaped.isEmpty && unused.isEmpty { return }
    throw CheckpointError.mismatch(
      WeightReport(
        network: network, paths: origins.map(\.file.path),
        missing: state.missing.map { TensorDeclaration(name: $0.key, shape: $0.value) },
        misshaped: Array(state.misshaped.values), unused: unused))
  }
}
