import TensorCore

/// Turns a graph into a plan.
struct PlanBuilder {
  let file: String
  let context: OperatorContext

  /// - Parameters:
  ///   - known: values of the graphs round this one that are known.
  ///   - captured: names of the other values round it, which are the plan's first inputs.
  /// - Throws: `ONNXError.malformed`, `.node`.
  func plan(
    _ graph: Graph, known: [String: Tensor] = [:], captured: [String] = []
  ) throws -> Plan {
    let lowering = try GraphLowering(
      graph, known: known, captured: captured, file: file, context: context)
    let outputs = graph.outputs.map { lowering.resolved($0.name) }
    var constants = lowering.constants
    var nodes = Self.needed(lowering.nodes, for: outputs)
    let fusion = try GraphFusion(
      nodes: nodes, constants: constants, outputs: outputs, context: context.compute)
    (nodes, constants) = (fusion.nodes, fusion.constants)
    return try assemble(
      Self.needed(nodes, for: outputs), constants: constants,
      inputs: captured + graph.inputs.map(\.name), outputs: outputs)
  }

  /// The nodes that the outputs depend on.
  private static func needed(_ nodes: [Node], for outputs: [String]) -> [Node] {
    var wanted = Set(outputs)
    var kept: [Node] = []
    for node in nodes.reversed() where node.outputs.contains(where: wanted.contains) {
      var node = node
      node.outputs = node.outputs.map { wanted.contains($0) ? $0 : "" }
      // A split's lengths may follow from how many outputs it has.
      while node.outputs.last == "", node.operatorName != "Split" { node.outputs.removeLast() }
      wanted.formUnion(node.inputs.filter { !$0.isEmpty })
      kept.append(node)
    }
    return kept.reversed()
  }

  private func assemble(
    _ nodes: [Node], constants: [String: Tensor], inputs: [String], outputs: [String]
  ) throws -> Plan {
    var numbers: [String: Int] = [:]
    var slots: [Tensor?] = []
    func slot(_ name: String) -> Int {
      if let number = numbers[name] { return number }
      numbers[name] = slots.count
      slots.append(constants[name])
      return slots.count - 1
    }
    let inputSlots = inputs.map(slot)
    let outputSlots = outputs.map(slot)
    var steps: [Plan.Step] = []
    let lastReaders = Self.lastReaders(nodes, keeping: Set(outputs).union(constants.keys))
    for (index, node) in nodes.enumerated() {
      let kernel = try kernel(of: node, constants: constants)
      steps.append(
        Plan.Step(
          kernel: kernel, inputs: node.inputs.map { $0.isEmpty ? nil : slot($0) },
          outputs: node.outputs.map { $0.isEmpty ? nil : slot($0) },
          released: lastReaders[index].map(slot), description: node.description))
    }
    return Plan(
      file: file, steps: steps, slots: slots, inputs: inputSlots, outputs: outputSlots,
      byteLimit: context.byteLimit)
  }

  /// For each node the values that no later one reads.
  private static func lastReaders(_ nodes: [Node], keeping kept: Set<String>) -> [[String]] {
    var seen = kept.union([""])
    var last = [[String]](repeating: [], count: nodes.count)
    for index in nodes.indices.reversed() {
      for name in nodes[index].inputs + nodes[index].outputs where seen.insert(name).inserted {
        last[index].append(name)
      }
    }
    return last
  }

  private func kernel(of node: Node, constants: [String: Tensor]) throws -> Kernel {
    if node.isConditional { return try conditional(node, constants: constants) }
    return try node.kernel(
      constants: node.inputs.map { constants[$0] }, file: file, context: context)
  }

  /// Both branches are plans of their own, whose inputs are the values that they read from outside.
  private func conditional(_ node: Node, constants: [String: Tensor]) throws -> Kernel {
    guard case .strings(let captured)? = node.attributes["#captured"],
      let then = try node.graph("then_branch"), let otherwise = try node.graph("else_branch")
    else { preconditionFailure("the lowering has put them there") }
    let plans = try [otherwise, then].map { try plan($0, captured: captured) }
    let wanted = node.outputs.count
    return { values in
      guard let condition = values.first ?? nil else { throw ONNXError.invalid("no condition") }
      let outer = values.dropFirst().compactMap { $0 }
      guard outer.count == captured.count else { throw ONNXError.invalid("a value is missing") }
      return try Array(plans[condition.isTrue() ? 1 : 0].run(outer).prefix(wanted))
    }
  }
}
