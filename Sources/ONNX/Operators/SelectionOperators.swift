import TensorCore

/// Which elements are chosen.
let selectionOperators: [String: OperatorDefinition] = [
  "TopK": OperatorDefinition(inputs: 1...2, outputs: 2) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let (number, fixed) = (try node.int("axis", default: -1), try node.int("k"))
    let largest = try node.flag("largest", default: true)
    return { values in
      let x = try values.operand(0)
      guard let k = try values.optional(1)?.integer() ?? fixed else {
        throw ONNXError.invalid("no number of elements is given")
      }
      let found = try best(k, of: x, axis: x.shape.axis(number), largest: largest, on: context)
      return [found.values, found.places]
    }
  },
  "NonZero": OperatorDefinition(since: 9, inputs: 1...1) { preparation in
    let context = preparation.context
    return { values in
      let x = try materialized(values.operand(0), on: context)
      let truth = try x.converted(to: .bool, on: context.compute)
      let bytes = truth.pointer.assumingMemoryBound(to: UInt8.self)
      let found = withExtendedLifetime(truth) { (0..<x.count).filter { bytes[$0] != 0 } }
      let places = zip(x.shape.axes, x.shape.rowMajorStrides).flatMap { size, stride in
        found.map { $0 / stride % size }
      }
      return [try int64Tensor(places, axes: [x.shape.rank, found.count], on: context)]
    }
  },
  "NonMaxSuppression": OperatorDefinition(since: 10, inputs: 2...5) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let isCentred = try node.flag("center_point_box")
    return { values in
      let (boxes, scores) = (try values.operand(0), try values.operand(1))
      let suppression = Suppression(
        isCentred: isCentred, limit: try values.optional(2)?.integer() ?? 0,
        overlap: Float(try values.optional(3)?.scalar() ?? 0),
        leastScore: try values.optional(4).map { Float(try $0.scalar()) })
      let chosen = try suppression.chosen(boxes: boxes, scores: scores, on: context)
      return [try int64Tensor(chosen.flatMap { $0 }, axes: [chosen.count, 3], on: context)]
    }
  },
  "Einsum": OperatorDefinition(since: 12, inputs: 1...OperatorDefinition.manyInputs) {
    let context = $0.context
    guard let text = try $0.node.string("equation") else {
      throw ONNXError.invalid("attribute 'equation' is missing")
    }
    let equation = try EinsumEquation(text)
    return { values in
      [try einsum(equation, values.indices.map(values.operand), on: context)]
    }
  },
]
