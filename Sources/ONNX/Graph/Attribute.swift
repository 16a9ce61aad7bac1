import TensorCore

/// The value of a node's attribute.
package enum Attribute: Sendable {
  case float(Float)
  case int(Int)
  case string(String)
  case tensor(Tensor)
  case graph(Graph)
  case floats([Float])
  case ints([Int])
  case strings([String])
  case tensors([Tensor])
  /// In a function's body: the attribute of the call that gives the value.
  case reference(String)

  /// For messages.
  var kind: String {
    switch self {
    case .float: "a float"
    case .int: "an integer"
    case .string: "a string"
    case .tensor: "a tensor"
    case .graph: "a graph"
    case .floats: "floats"
    case .ints: "integers"
    case .strings: "strings"
    case .tensors: "tensors"
    case .reference: "a reference"
    }
  }
}
