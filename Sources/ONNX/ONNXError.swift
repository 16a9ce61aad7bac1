/// What is wrong with an ONNX file or with what it is run on.
package enum ONNXError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be opened or read.
  case unreadable(file: String, reason: String)
  /// The bytes are no ONNX model, or contradict themselves.
  case malformed(file: String, reason: String)
  /// Operators that are not built, each as "Name (opset N)".
  case unknownOperators(file: String, operators: [String])
  /// An input that is missing, surplus or of another type or shape than the model takes.
  case input(file: String, name: String, expected: String, found: String)
  /// A node that cannot be prepared or cannot run on what reached it.
  case node(file: String, node: String, reason: String)
  /// What an operator's own code throws; the network that runs it adds file and node.
  case invalid(String)

  /// One line: the file, what is wrong, what was expected. Names of a damaged file can hold anything.
  package var description: String {
    String(String.UnicodeScalarView(wording.unicodeScalars.map { $0.value < 32 ? "?" : $0 }))
  }

  private var wording: String {
    switch self {
    case .unreadable(let file, let reason): "\(file): \(reason)"
    case .malformed(let file, let reason): "\(file): not a valid ONNX model: \(reason)"
    case .unknownOperators(let file, let operators):
      "\(file): operators that are not supported: \(operators.joined(separator: ", "))"
    case .input(let file, let name, let expected, let found):
      "\(file): input '\(name)': expected \(expected), found \(found)"
    case .node(let file, let node, let reason): "\(file): \(node): \(reason)"
    case .invalid(let reason): reason
    }
  }
}
