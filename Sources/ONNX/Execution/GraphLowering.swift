import TensorCore

/// The nodes of a graph that remain for run time, after constants are folded, conditions that are
/// known are decided, and operations that change nothing are left out.
struct GraphLowering {
  let file: String
  let context: OperatorContext

  /// Values known before the run.
  private(set) var constants: [String: Tensor] = [:]
  private(set) var nodes: [Node] = []
  /// Values that are others under a second name.
  private var aliases: [String: String] = [:]
  private var defined: Set<String> = []
  private var branches = 0
  private var foldedBytes = 0

  /// Larger results of folding are made at run time.
  private static let foldedTensorLimit = 64 << 20

  /// - Parameters:
  ///   - known: values of the graphs round this one that are known.
  ///   - captured: names of the other values round it that it reads.
  init(
    _ graph: Graph, known: [String: Tensor] = [:], captured: [String] = [], file: String,
    context: OperatorContext
  ) throws {
    self.file = file
    self.context = context
    constants = known
    defined = Set(known.keys).union(captured)
    for input in graph.inputs { try define(input.name) }
    try lower(graph)
    for output in graph.outputs where !defined.contains(resolved(output.name)) {
      throw malformed("output '\(output.name)' is made by no node")
    }
  }

  /// The value that a name stands for.
  func resolved(_ name: String) -> String {
    var name = name
    while let target = aliases[name] { name = target }
    return name
  }

  private mutating func lower(_ graph: Graph) throws {
    for (name, tensor) in graph.initializers {
      try define(name)
      constants[name] = tensor
    }
    for node in graph.nodes { try lower(node) }
  }

  private mutating func lower(_ original: Node) throws {
    var node = original
    node.inputs = node.inputs.map { resolved($0) }
    while node.inputs.last == "" { node.inputs.removeLast() }
    for name in node.inputs where !name.isEmpty && !defined.contains(name) {
      throw malformed("\(node.description) reads '\(name)', which no node before it makes")
    }
    if node.isConditional { return try lowerConditional(node) }
    if let source = try passedThrough(node) {
      try alias(node.outputs[0], to: source)
      return
    }
    try checkCounts(node)
    if try fold(node) { return }
    for name in node.outputs where !name.isEmpty { try define(name) }
    nodes.append(node)
  }

  // MARK: Constants

  /// Runs a node whose inputs are known; whether that was so.
  private mutating func fold(_ node: Node) throws -> Bool {
    let values = node.inputs.map { constants[$0] }
    guard zip(node.inputs, values).allSatisfy({ $0.isEmpty || $1 != nil }) else { return false }
    var limited = context
    limited = OperatorContext(
      compute: context.compute, byteLimit: min(context.byteLimit, Self.foldedTensorLimit))
    let results: [Tensor]
    do { results = try node.kernel(constants: values, file: file, context: limited)(values) } catch
    {
      // What cannot be made now, for its size perhaps, fails where and if it is needed.
      return false
    }
    let bytes = results.reduce(0) { $0 + $1.storage.byteCount }
    guard results.count >= node.outputs.count, foldedBytes + bytes <= context.byteLimit / 2
    else { return false }
    foldedBytes += bytes
    for (name, result) in zip(node.outputs, results) where !name.isEmpty {
      try define(name)
      constants[name] = try result.contiguous()
    }
    return true
  }

  // MARK: Conditions

  /// A branch whose condition is known takes the node's place; else the branches' reads become
  /// inputs of the node.
  private mutating func lowerConditional(_ node: Node) throws {
    guard let condition = node.inputs.first, !condition.isEmpty,
      let then = try at(node, { try node.graph("then_branch") }),
      let otherwise = try at(node, { try node.graph("else_branch") })
    else { throw malformed("\(node.description) lacks its condition or a branch") }
    for branch in [then, otherwise] where branch.outputs.count < node.outputs.count {
      throw malformed("\(node.description): a branch has fewer outputs than the node")
    }
    if let value = constants[condition] {
      return try take(try at(node, { try value.isTrue() }) ? then : otherwise, of: node)
    }
    var node = node
    // The branches are not renamed when they stay, so they read through these names.
    let outer = then.namesFromOutside.union(otherwise.namesFromOutside).sorted()
    for name in outer where !defined.contains(resolved(name)) {
      throw malformed("a branch of \(node.description) reads '\(name)', which no node makes")
    }
    node.inputs = [condition] + outer.map { resolved($0) }
    node.attributes["#captured"] = .strings(outer)
    for name in node.outputs where !name.isEmpty { try define(name) }
    nodes.append(node)
  }

  private mutating func take(_ branch: Graph, of node: Node) throws {
    branches += 1
    var renaming = ValueRenaming(names: [:], prefix: "#branch\(branches)/", keepsUnknown: true)
    var wrapper = Node(operatorName: "", opset: 0, inputs: [], outputs: [])
    wrapper.attributes["branch"] = .graph(branch)
    guard case .graph(let renamed)? = renaming.renamed(wrapper).attributes["branch"] else { return }
    try lower(renamed)
    for (name, output) in zip(node.outputs, renamed.outputs) where !name.isEmpty {
      let source = resolved(output.name)
      guard defined.contains(source) else {
        throw malformed("a branch of \(node.description) does not make '\(output.name)'")
      }
      try alias(name, to: source)
    }
  }

  // MARK: Names

  private mutating func define(_ name: String) throws {
    guard !name.isEmpty, defined.insert(name).inserted, aliases[name] == nil else {
      throw malformed("the value '\(name)' is made twice")
    }
  }

  private mutating func alias(_ name: String, to source: String) throws {
    guard !defined.contains(name), aliases[name] == nil, name != source else {
      throw malformed("the value '\(name)' is made twice")
    }
    aliases[name] = source
  }

  /// The input that a node gives on unchanged; nil for nodes that do something.
  private func passedThrough(_ node: Node) throws -> String? {
    guard node.outputs.filter({ !$0.isEmpty }).count == 1, node.wants(output: 0),
      node.has(input: 0),
      node.domain.isEmpty
    else { return nil }
    switch node.operatorName {
    case "Identity": return node.inputs[0]
    case "Dropout":
      guard node.has(input: 2) else { return node.inputs[0] }
      guard let training = constants[node.inputs[2]], try !at(node, { try training.isTrue() })
      else { return nil }
      return node.inputs[0]
    default: return nil
    }
  }

  private func checkCounts(_ node: Node) throws {
    guard let definition = OperatorRegistry.definition(of: node) else { return }
    guard definition.inputs.contains(node.inputs.count), node.outputs.count <= definition.outputs
    else {
      throw ONNXError.node(
        file: file, node: node.description,
        reason:
          "expected \(definition.inputs.lowerBound) to \(definition.inputs.upperBound) inputs "
          + "and at most \(definition.outputs) outputs, found \(node.inputs.count) and "
          + "\(node.outputs.count)")
    }
  }

  private func at<Result>(_ node: Node, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch {
      throw ONNXError.atNode(error, file: file, node: node.description)
    }
  }

  private func malformed(_ reason: String) -> ONNXError { .malformed(file: file, reason: reason) }
}

extension Node {
  /// Whether it chooses between two graphs.
  var isConditional: Bool { domain.isEmpty && operatorName == "If" }

  /// What runs it.
  func kernel(constants: [Tensor?], file: String, context: OperatorContext) throws -> Kernel {
    guard let definition = OperatorRegistry.definition(of: self) else {
      throw ONNXError.unknownOperators(file: file, operators: [description])
    }
    do {
      return try definition.build(
        NodePreparation(node: self, constants: constants, context: context))
    } catch { throw ONNXError.atNode(error, file: file, node: description) }
  }
}

extension Graph {
  /// Values that its nodes, or the graphs in them, read and that it does not make itself.
  var namesFromOutside: Set<String> {
    var own = Set(inputs.map(\.name)).union(initializers.keys)
    var read: Set<String> = []
    for node in nodes {
      var names = Set(node.inputs)
      for case .graph(let branch) in node.attributes.values {
        names.formUnion(branch.namesFromOutside)
      }
      read.formUnion(names.subtracting(own))
      own.formUnion(node.outputs)
    }
    read.formUnion(Set(outputs.map(\.name)).subtracting(own))
    return read.subtracting([""])
  }

  /// Operators that are not built, in this graph and those in it.
  func unknownOperators() -> [Node] {
    nodes.flatMap { node -> [Node] in
      let inner = node.attributes.values.flatMap { value -> [Node] in
        if case .graph(let graph) = value { graph.unknownOperators() } else { [] }
      }
      let isKnown = node.isConditional || OperatorRegistry.definition(of: node) != nil
      return (isKnown ? [] : [node]) + inner
    }
  }
}

extension Tensor {
  /// The truth value of a tensor of one element.
  func isTrue() throws -> Bool {
    guard count == 1 else {
      throw ONNXError.invalid("expected one truth value, found shape \(shape)")
    }
    let value = try converted(to: .bool)
    return withExtendedLifetime(value) { value.pointer.load(as: UInt8.self) != 0 }
  }
}
