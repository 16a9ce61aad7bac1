import TensorCore

/// What is wrong with a network's configuration or with what it was handed.
package enum NetworkError: Error, Equatable, CustomStringConvertible {
  /// A size or option that the network cannot be built with; `key` is that of the configuration.
  case configuration(network: String, key: String, expected: String, found: String)
  /// A size that neither the configuration nor the checkpoint's tensors tell.
  case unknownSize(network: String, key: String, tensor: String)
  /// An input of the wrong shape, type or length.
  case input(network: String, name: String, expected: String, found: String)

  /// What failed, where, what was expected and found, what to do.
  package var description: String {
    switch self {
    case .configuration(let network, let key, let expected, let found):
      "\(network): configuration '\(key)': expected \(expected), found \(found)"
    case .unknownSize(let network, let key, let tensor):
      "\(network): '\(key)' is unknown: the configuration does not name it and the checkpoint has "
        + "no tensor '\(tensor)'; is this the right file?"
    case .input(let network, let name, let expected, let found):
      "\(network): \(name): expected \(expected), found \(found)"
    }
  }
}
