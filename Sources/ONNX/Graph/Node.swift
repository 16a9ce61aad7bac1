import TensorCore

/// One operation of a graph.
package struct Node: Sendable {
  /// As in the file; may be empty.
  package var name: String
  /// "Conv".
  package var operatorName: String
  /// "" for the standard's own operators.
  package var domain: String
  /// Tells functions of one name apart; else "".
  package var overload: String
  /// Version of the operator set that the model asks for.
  package var opset: Int
  /// Values that it reads; "" for an optional input that is left out.
  package var inputs: [String]
  /// Values that it makes; "" for those that nobody wants.
  package var outputs: [String]
  package var attributes: [String: Attribute]

  package init(
    name: String = "", operatorName: String, domain: String = "", overload: String = "", opset: Int,
    inputs: [String],
    outputs: [String], attributes: [String: Attribute] = [:]
  ) {
    self.name = name
    self.operatorName = operatorName
    self.domain = domain
    self.overload = overload
    self.opset = opset
    self.inputs = inputs
    self.outputs = outputs
    self.attributes = attributes
  }

  /// "Conv 'backbone/conv1' (opset 13)"; a node without a name goes by its first output.
  package var description: String {
    let name = name.isEmpty ? outputs.first { !$0.isEmpty } ?? "" : name
    let qualified = domain.isEmpty ? operatorName : "\(domain).\(operatorName)"
    return "\(qualified) '\(name)' (opset \(opset))"
  }

  /// Whether an output is there and wanted.
  package func wants(output index: Int) -> Bool {
    index < outputs.count && !outputs[index].isEmpty
  }

  /// Whether an optional input is given.
  package func has(input index: Int) -> Bool {
    index < inputs.count && !inputs[index].isEmpty
  }
}

// MARK: Attributes: nil or the default where absent, an error where of another type

extension Node {
  package func int(_ name: String) throws -> Int? {
    switch attributes[name] {
    case nil: return nil
    case .int(let value): return value
    case .some(let other): throw mismatch(name, "an integer", other)
    }
  }

  package func int(_ name: String, default value: Int) throws -> Int { try int(name) ?? value }

  /// An integer attribute that is 0 or 1 by the standard.
  package func flag(_ name: String, default value: Bool = false) throws -> Bool {
    try int(name).map { $0 != 0 } ?? value
  }

  package func float(_ name: String) throws -> Float? {
    switch attributes[name] {
    case nil: return nil
    case .float(let value): return value
    case .some(let other): throw mismatch(name, "a float", other)
    }
  }

  package func float(_ name: String, default value: Float) throws -> Float {
    try float(name) ?? value
  }

  package func string(_ name: String) throws -> String? {
    switch attributes[name] {
    case nil: return nil
    case .string(let value): return value
    case .some(let other): throw mismatch(name, "a string", other)
    }
  }

  package func string(_ name: String, default value: String) throws -> String {
    try string(name) ?? value
  }

  package func ints(_ name: String) throws -> [Int]? {
    switch attributes[name] {
    case nil: return nil
    case .ints(let value): return value
    case .some(let other): throw mismatch(name, "integers", other)
    }
  }

  package func floats(_ name: String) throws -> [Float]? {
    switch attributes[name] {
    case nil: return nil
    case .floats(let value): return value
    case .some(let other): throw mismatch(name, "floats", other)
    }
  }

  package func tensor(_ name: String) throws -> Tensor? {
    switch attributes[name] {
    case nil: return nil
    case .tensor(let value): return value
    case .some(let other): throw mismatch(name, "a tensor", other)
    }
  }

  package func graph(_ name: String) throws -> Graph? {
    switch attributes[name] {
    case nil: return nil
    case .graph(let value): return value
    case .some(let other): throw mismatch(name, "a graph", other)
    }
  }

  private func mismatch(_ name: String, _ expected: String, _ found: Attribute) -> ONNXError {
    .invalid("attribute '\(name)': expected \(expected), found \(found.kind)")
  }
}
