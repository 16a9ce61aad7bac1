import TensorCore

/// Joins nodes that one kernel can do at once: a convolution with the BatchNormalization, the
/// activation and the sum with another branch that follow it.
struct GraphFusion {
  /// The domain of joined nodes.
  static let domain = "#fused"

  private(set) var nodes: [Node] = []
  private(set) var constants: [String: Tensor]
  /// How often a value is read; the graph's outputs count.
  private var uses: [String: Int] = [:]
  /// Which of `nodes` makes a value.
  private var makers: [String: Int] = [:]
  private let context: ComputeContext
  private var names = 0

  /// - Parameters:
  ///   - nodes: in order.
  ///   - outputs: values that must stay.
  init(
    nodes: [Node], constants: [String: Tensor], outputs: [String], context: ComputeContext
  ) throws {
    self.constants = constants
    self.context = context
    for name in nodes.flatMap(\.inputs) + outputs { uses[name, default: 0] += 1 }
    for node in nodes { append(try joined(node)) }
    self.nodes.removeAll { $0.outputs.isEmpty }
  }

  private mutating func append(_ node: Node) {
    for name in node.outputs { makers[name] = nodes.count }
    nodes.append(node)
  }

  /// A node with what is before it, which is then removed; the node itself where nothing fits.
  private mutating func joined(_ node: Node) throws -> Node {
    guard node.domain.isEmpty, node.outputs.count == 1 else { return node }
    switch node.operatorName {
    case "BatchNormalization": return try withBatchNorm(node) ?? node
    case "Relu": return withActivation(node, "Relu") ?? node
    case "Clip", "LeakyRelu", "HardSwish": return try withBend(node) ?? node
    case "Mul": return try withSilu(node) ?? withGate(node) ?? node
    case "Add": return withResidual(node) ?? node
    case "Conv": return fresh(node)
    default: return node
    }
  }

  /// A convolution in the form that takes more.
  private func fresh(_ node: Node) -> Node {
    var node = node
    node.domain = Self.domain
    while node.inputs.count < 4 { node.inputs.append("") }
    return node
  }

  /// The convolution that makes a value, where the value has no other reader.
  private func producer(making name: String, uses count: Int = 1) -> (index: Int, node: Node)? {
    guard uses[name] == count, let index = makers[name], nodes[index].domain == Self.domain else {
      return nil
    }
    return (index, nodes[index])
  }

  /// Removes a node whose work another one does now.
  private mutating func remove(_ index: Int) { nodes[index].outputs = [] }

  /// `node`'s output, made by a convolution.
  private func taking(_ outputs: [String], _ convolution: Node) -> Node {
    var result = convolution
    result.outputs = outputs
    return result
  }

  // MARK: What follows

  private mutating func withActivation(_ node: Node, _ name: String) -> Node? {
    guard let (index, made) = producer(making: node.inputs[0]), made.attributes["#last"] == nil
    else { return nil }
    var convolution = made
    let hasResidual = convolution.has(input: 3)
    if !hasResidual, !takesActivation(made) { return nil }
    convolution.attributes[hasResidual ? "#last" : "#activation"] = .string(name)
    remove(index)
    return taking(node.outputs, convolution)
  }

  /// Clip, LeakyRelu or HardSwish right after the bias.
  private mutating func withBend(_ node: Node) throws -> Node? {
    guard let (index, made) = producer(making: node.inputs[0]), takesActivation(made),
      let numbers = try numbers(of: node)
    else { return nil }
    remove(index)
    return taking(node.outputs, bent(made, node.operatorName, numbers))
  }

  private func takesActivation(_ convolution: Node) -> Bool {
    !convolution.has(input: 3) && convolution.attributes["#activation"] == nil
      && convolution.attributes["#bend"] == nil
  }

  private func bent(_ convolution: Node, _ kind: String, _ numbers: [Float]) -> Node {
    var result = convolution
    result.attributes["#bend"] = .string(kind)
    result.attributes["#numbers"] = .floats(numbers)
    return result
  }

  /// The two numbers of an activation of straight lines; nil where they are not known or not float32.
  private func numbers(of node: Node) throws -> [Float]? {
    switch node.operatorName {
    case "LeakyRelu": return [try node.float("alpha", default: 0.01), 0]
    case "HardSwish": return [1 / 6, 0.5]
    default: break
    }
    let all = Float.greatestFiniteMagnitude
    guard node.opset >= 11 else {
      return [try node.float("min", default: -all), try node.float("max", default: all)]
    }
    func bound(_ input: Int, _ fallback: Float) throws -> Float? {
      guard node.has(input: input) else { return fallback }
      guard let known = constants[node.inputs[input]], known.count == 1, known.dtype == .f32
      else { return nil }
      return try known.floats()[0]
    }
    guard let least = try bound(1, -.infinity), let greatest = try bound(2, .infinity) else {
      return nil
    }
    return [least, greatest]
  }

  /// x * HardSigmoid(x), as exporters before operator set 14 write HardSwish.
  private mutating func withGate(_ node: Node) throws -> Node? {
    for (x, gate) in [(0, 1), (1, 0)] {
      let value = node.inputs[x]
      guard uses[node.inputs[gate]] == 1, let sigmoid = makers[node.inputs[gate]],
        nodes[sigmoid].operatorName == "HardSigmoid", nodes[sigmoid].domain.isEmpty,
        nodes[sigmoid].inputs == [value], let (index, made) = producer(making: value, uses: 2),
        takesActivation(made)
      else { continue }
      let numbers = [
        try nodes[sigmoid].float("alpha", default: 0.2),
        try nodes[sigmoid].float("beta", default: 0.5),
      ]
      remove(index)
      remove(sigmoid)
      return taking(node.outputs, bent(made, "HardSwish", numbers))
    }
    return nil
  }

  /// x * Sigmoid(x).
  private mutating func withSilu(_ node: Node) -> Node? {
    for (x, gate) in [(0, 1), (1, 0)] {
      let value = node.inputs[x]
      guard uses[node.inputs[gate]] == 1, let sigmoid = makers[node.inputs[gate]],
        nodes[sigmoid].operatorName == "Sigmoid", nodes[sigmoid].inputs == [value],
        let (index, made) = producer(making: value, uses: 2), takesActivation(made)
      else { continue }
      var convolution = made
      convolution.attributes["#activation"] = .string("Silu")
      remove(index)
      remove(sigmoid)
      return taking(node.outputs, convolution)
    }
    return nil
  }

  /// The sum with another value; which of two convolutions takes it: the later, for its memory is
  /// still warm.
  private mutating func withResidual(_ node: Node) -> Node? {
    let candidates = [(0, 1), (1, 0)].compactMap { own, other -> (Int, Node, String)? in
      guard let (index, made) = producer(making: node.inputs[own]), !made.has(input: 3),
        constants[node.inputs[other]] == nil, node.inputs[own] != node.inputs[other]
      else { return nil }
      return (index, made, node.inputs[other])
    }
    guard let (index, made, other) = candidates.max(by: { $0.0 < $1.0 }) else { return nil }
    var convolution = made
    convolution.inputs[3] = other
    remove(index)
    return taking(node.outputs, convolution)
  }

  /// The scale goes into the weights, the shift into the bias.
  private mutating func withBatchNorm(_ node: Node) throws -> Node? {
    guard let (index, made) = producer(making: node.inputs[0]), takesActivation(made),
      let weight = constants[made.inputs[1]],
      weight.shape.rank >= 3, weight.dtype == .f32,
      try !node.flag("training_mode"), try node.flag("spatial", default: true)
    else { return nil }
    let parameters = node.inputs.dropFirst().compactMap { constants[$0] }
    let channels = weight.shape[0]
    guard parameters.count == 4, parameters.allSatisfy({ $0.count == channels }) else { return nil }
    let affine = try ChannelAffine(
      batchNorm: parameters, epsilon: node.float("epsilon", default: 1e-5), channels: channels,
      on: context)
    var bias = [Float](repeating: 0, count: channels)
    if made.has(input: 2) {
      guard let known = constants[made.inputs[2]], known.count == channels else { return nil }
      bias = try known.floats(on: context)
    }
    let values = try weight.floats(on: context)
    let size = values.count / max(channels, 1)
    let scaled = values.indices.map { values[$0] * affine.scale[$0 / size] }
    var convolution = made
    convolution.inputs[1] = add(try Tensor(scaled, shape: weight.shape))
    convolution.inputs[2] = add(
      try Tensor(
        bias.indices.map { bias[$0] * affine.scale[$0] + affine.shift[$0] }, shape: [channels]))
    remove(index)
    return taking(node.outputs, convolution)
  }

  private mutating func add(_ constant: Tensor) -> String {
    names += 1
    let name = "#constant\(names)"
    constants[name] = constant
    return name
  }
}
