import SwiftProtobuf
import TensorCore

/// Puts the bodies of a model's own functions in place of their calls; exporters write whole layers
/// as functions.
struct FunctionInlining {
  private struct Key: Hashable {
    let domain: String, name: String, overload: String
  }

  private struct Function {
    let inputs: [String], outputs: [String]
    /// Attributes that a call may give, with their defaults.
    let defaults: [String: Attribute]
    let nodes: [Node]
  }

  /// Functions may call functions: far deeper, and more nodes, than any exporter writes.
  private static let depthLimit = 64
  private static let nodeLimit = 1 << 16

  private let reader: GraphReader
  private var functions: [Key: Function] = [:]
  private var calls = 0
  private var nodeCount = 0

  init(_ protos: [Onnx_FunctionProto], reader: GraphReader) throws {
    self.reader = reader
    for proto in protos {
      let key = Key(
        domain: GraphReader.normalized(proto.domain), name: proto.name, overload: proto.overload)
      let own = try ModelFile.opsets(proto.opsetImport, file: reader.file)
      let bodyReader = GraphReader(
        file: reader.file, tensors: reader.tensors, opsets: reader.opsets.merging(own) { $1 })
      var defaults: [String: Attribute] = [:]
      for attribute in proto.attributeProto {
        defaults[attribute.name] = try reader.value(of: attribute, in: Onnx_NodeProto())
      }
      let function = Function(
        inputs: proto.input, outputs: proto.output, defaults: defaults,
        nodes: try proto.node.map(bodyReader.node))
      guard functions.updateValue(function, forKey: key) == nil else {
        throw reader.malformed("two functions '\(proto.name)'")
      }
    }
  }

  /// The graph without calls.
  ///
  /// - Throws: `ONNXError.malformed` for functions that call themselves.
  mutating func inlined(_ graph: Graph) throws -> Graph {
    if functions.isEmpty { return graph }
    return try inlined(graph, depth: 0)
  }

  private mutating func inlined(_ graph: Graph, depth: Int) throws -> Graph {
    var result = graph
    result.nodes = []
    for node in graph.nodes { result.nodes += try inlined(node, depth: depth) }
    return result
  }

  private mutating func inlined(_ node: Node, depth: Int) throws -> [Node] {
    nodeCount += 1
    guard nodeCount <= Self.nodeLimit, depth <= Self.depthLimit else {
      throw reader.malformed("its functions call each other without end, or too often")
    }
    var node = node
    for (name, value) in node.attributes {
      if case .graph(let branch) = value {
        node.attributes[name] = .graph(try inlined(branch, depth: depth))
      }
    }
    let key = Key(domain: node.domain, name: node.operatorName, overload: node.overload)
    guard let function = functions[key] else { return [node] }
    return try body(of: function, called: node).flatMap { try inlined($0, depth: depth + 1) }
  }

  /// The function's nodes with the call's values and attributes in them.
  private mutating func body(of function: Function, called call: Node) throws -> [Node] {
    calls += 1
    guard call.inputs.count <= function.inputs.count, call.outputs.count <= function.outputs.count
    else { throw reader.malformed("\(call.description): more values than the function has") }
    var names: [String: String] = [:]
    for (index, name) in function.inputs.enumerated() {
      names[name] = index < call.inputs.count ? call.inputs[index] : ""
    }
    var passed: [Node] = []
    for (index, name) in function.outputs.enumerated() where call.wants(output: index) {
      if let input = names[name] {
        passed.append(
          Node(
            operatorName: "Identity", opset: 1, inputs: [input], outputs: [call.outputs[index]]))
      } else {
        names[name] = call.outputs[index]
      }
    }
    let given = call.attributes
    let attributes = function.defaults.merging(given) { $1 }
    let prefix = "\(call.operatorName)#\(calls)/"
    var renaming = ValueRenaming(names: names, prefix: prefix)
    return try function.nodes.map { node in
      renaming.renamed(try resolved(node, attributes, depth: 0))
    } + passed
  }

  /// References to attributes of the call replaced by their values, or left out.
  private func resolved(
    _ node: Node, _ given: [String: Attribute], depth: Int
  ) throws -> Node {
    var node = node
    for (name, value) in node.attributes {
      switch value {
      case .reference(let source): node.attributes[name] = given[source]
      case .graph(var branch):
        branch.nodes = try branch.nodes.map { try resolved($0, given, depth: depth + 1) }
        node.attributes[name] = .graph(branch)
      default: break
      }
    }
    return node
  }
}

/// Gives values of a graph that is put into another one names that are free there.
struct ValueRenaming {
  /// Names that stand already; all others get the prefix.
  var names: [String: String]
  let prefix: String
  /// Whether names that the graph does not make itself stay: those of the graph round it.
  var keepsUnknown = false

  /// A node with its values renamed; what it makes is remembered.
  mutating func renamed(_ node: Node) -> Node {
    var node = node
    node.name = prefix + node.name
    node.inputs = node.inputs.map { name(of: $0) }
    for (attribute, value) in node.attributes {
      guard case .graph(let branch) = value else { continue }
      node.attributes[attribute] = .graph(renamed(branch))
    }
    node.outputs = node.outputs.map { define($0) }
    return node
  }

  /// A branch reads the values round it, and hides those that it makes itself.
  private func renamed(_ branch: Graph) -> Graph {
    var inner = self
    var branch = branch
    branch.inputs = branch.inputs.map { input in
      var input = input
      input.name = inner.define(input.name)
      return input
    }
    branch.initializers = Dictionary(
      branch.initializers.map { (inner.define($0.key), $0.value) }, uniquingKeysWith: { $1 })
    branch.nodes = branch.nodes.map { inner.renamed($0) }
    branch.outputs = branch.outputs.map { output in
      var output = output
      output.name = inner.name(of: output.name)
      return output
    }
    return branch
  }

  mutating func define(_ name: String) -> String {
    if name.isEmpty { return name }
    if let known = names[name] { return known }
    names[name] = prefix + name
    return prefix + name
  }

  func name(of value: String) -> String {
    if value.isEmpty { return value }
    return names[value] ?? (keepsUnknown ? value : prefix + value)
  }
}
