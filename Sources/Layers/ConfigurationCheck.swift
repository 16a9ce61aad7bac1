import TensorCore

/// The sizes of a network: read from a checkpoint's shapes, and checked before anything is built with
/// them. All errors name the configuration's key.
package struct ConfigurationCheck<Key: CodingKey>: Sendable {
  /// What errors call the network.
  package let network: String
  /// Keys of the configurations around this one, each with a point behind it.
  private let path: String

  /// - Parameter parent: the key of this configuration in the one around it; nil where it is the
  ///   whole.
  package init(_ network: String, under parent: (any CodingKey)? = nil) {
    self.network = network
    path = parent.map { $0.stringValue + "." } ?? ""
  }

  /// - Throws: `NetworkError.configuration` where the condition does not hold.
  package func require(
    _ condition: Bool, _ key: Key, _ expected: @autoclosure () -> String, _ found: Any
  ) throws {
    guard condition else {
      throw NetworkError.configuration(
        network: network, key: path + key.stringValue, expected: expected(), found: "\(found)")
    }
  }

  /// Every size is at least 1, and at most the limit.
  ///
  /// - Throws: `NetworkError.configuration`.
  package func sizes(
    _ sizes: [(key: Key, value: Int)], limit: SizeLimit = .axis
  ) throws {
    for size in sizes {
      try require(
        (1...limit.rawValue).contains(size.value), size.key, "1 to \(limit.rawValue)", size.value)
    }
  }

  /// The size of an axis of a tensor.
  ///
  /// - Throws: `NetworkError.unknownSize` where the checkpoint lacks the tensor, or it the axis.
  package func size(
    _ key: Key, of tensor: String, axis: Int, in shapes: NamedShapes
  ) throws -> Int {
    if let found = shapes.size(tensor, axis: axis) { return found }
    throw NetworkError.unknownSize(network: network, key: path + key.stringValue, tensor: tensor)
  }
}

/// What no network comes near, and what is still small enough to go on with.
package enum SizeLimit: Int, Sendable {
  /// Tensors that would take hours to list.
  case layers = 4096
  /// Of an axis: products of a few sizes cannot overflow.
  case axis = 1_048_576
  /// Rows of a table.
  case vocabulary = 4_194_304
}
