/// Checks of a network's sizes before anything is built with them.
package struct ConfigurationCheck: Sendable {
  /// What an error calls the network.
  package let network: String

  /// Largest size of an axis: far beyond any network's, and small enough that products of a few
  /// sizes cannot overflow.
  private static let limit = 1 << 20

  package init(_ network: String) { self.network = network }

  /// - Parameter key: the configuration's.
  /// - Throws: `NetworkError.configuration` where the condition does not hold.
  package func require(
    _ condition: Bool, _ key: String, _ expected: String, _ found: Any
  ) throws {
    guard condition else {
      throw NetworkError.configuration(
        network: network, key: key, expected: expected, found: "\(found)")
    }
  }

  /// Every size is at least 1.
  ///
  /// - Throws: `NetworkError.configuration`.
  package func sizes(_ sizes: [(key: String, value: Int)]) throws {
    for size in sizes {
      try require(
        (1...Self.limit).contains(size.value), size.key, "1 to \(Self.limit)", size.value)
    }
  }
}
