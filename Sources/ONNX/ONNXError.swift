/// What is wrong with an ONNX file or with what it is run on.
package enum ONNXError: Error, Equatable {
  /// The file cannot be opened or read.
  case unreadable(file: String, reason: String)
  /// The bytes are no ONNX model, or contradict themselves.
  case malformed(file: String, reason: String)
  /// Operators that are not built, each as "Name (opset N)".
  case unknownOperators(file: String, operators: [String])
  /// An input that is missing, surplus or of another type or shape than the model takes.
  case input(file: String, name: String, expected: String, found: String)
  /// A node that cannot run on what reached it.
  case node(file: String, node: String, reason: String)
}
