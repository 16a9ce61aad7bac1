import TensorCore

/// Elements that are moved, repeated or cut out.
let movementOperators: [String: OperatorDefinition] = [
  "Concat": OperatorDefinition(inputs: 1...OperatorDefinition.manyInputs) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    guard let number = try node.int("axis") ?? (node.opset < 4 ? 1 : nil) else {
      throw ONNXError.invalid("attribute 'axis' is missing")
    }
    return { values in
      let parts = try values.indices.map(values.operand)
      return [try joined(parts, axis: parts[0].shape.axis(number), on: context)]
    }
  },
  "Split": OperatorDefinition(inputs: 1...2, outputs: 1 << 20) { preparation in
    let node = preparation.node
    let number = try node.int("axis", default: 0)
    let fixed = try node.ints("split")
    let count = try node.int("num_outputs") ?? node.outputs.count
    return { values in
      let x = try values.operand(0)
      let axis = try x.shape.axis(number)
      let lengths =
        try values.integers(1) ?? fixed ?? evenLengths(of: x.shape[axis], count: count)
      var rest = x.shape[axis]  // below 0, and stays so, once a length is negative or too large
      for length in lengths where rest >= 0 { rest = length < 0 ? -1 : rest - length }
      guard rest == 0, lengths.count >= node.outputs.count else {
        throw ONNXError.invalid(
          "axis \(axis) of \(x.shape) cannot be split into \(lengths) for \(node.outputs.count) "
            + "outputs")
      }
      var start = 0
      return lengths.map { length in
        defer { start += length }
        return x.sliced(start..<start + length, axis: axis)
      }
    }
  },
  "Slice": OperatorDefinition(inputs: 1...5) { preparation in
    let node = preparation.node
    let fixed = try (node.ints("starts"), node.ints("ends"), node.ints("axes"))
    return { values in
      let x = try values.operand(0)
      guard let starts = try values.integers(1) ?? fixed.0,
        let ends = try values.integers(2) ?? fixed.1
      else { throw ONNXError.invalid("no starts or no ends are given") }
      let axes = try values.integers(3) ?? fixed.2 ?? Array(starts.indices)
      let steps = try values.integers(4) ?? starts.map { _ in 1 }
      guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count
      else {
        throw ONNXError.invalid(
          "\(starts.count) starts, \(ends.count) ends, \(axes.count) axes, \(steps.count) steps")
      }
      _ = try x.shape.distinctAxes(axes)
      return [
        try zip(zip(starts, ends), zip(axes, steps)).reduce(x) { view, cut in
          try view.strided(
            from: cut.0.0, to: cut.0.1, by: cut.1.1, axis: x.shape.axis(cut.1.0))
        }
      ]
    }
  },
  "Expand": OperatorDefinition(since: 8, inputs: 2...2) { preparation in
    let context = preparation.context
    return { values in
      let x = try values.operand(0)
      let wanted = try Shape(validating: values.operand(1).wholeNumbers())
      let shape = try Broadcasting.joinedShape(of: [x.shape, wanted])
      return [try materialized(x.expanded(to: shape), on: context)]
    }
  },
  "Tile": OperatorDefinition(inputs: 2...3) { preparation in
    let context = preparation.context
    return { values in
      let x = try values.operand(0)
      var repeats = try values.operand(1).wholeNumbers()
      if let axis = values.optional(2) {  // version 1: how often, and along which axis
        let (count, place) = (
          try values.operand(1).integer(), try x.shape.axis(axis.integer())
        )
        repeats = x.shape.axes.indices.map { $0 == place ? count : 1 }
      }
      return [try tiled(x, repeats, on: context)]
    }
  },
  "Pad": OperatorDefinition(inputs: 1...4) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let mode = try node.string("mode", default: "constant")
    guard let filling = Filling(rawValue: mode) else {
      throw ONNXError.invalid("mode '\(mode)' is not constant, reflect, edge or wrap")
    }
    let fixed = try node.ints("pads") ?? node.ints("paddings")
    let fixedValue = try node.float("value")
    return { values in
      let x = try values.operand(0)
      guard let pads = try values.integers(1) ?? fixed else {
        throw ONNXError.invalid("no pads are given")
      }
      let named = try values.integers(3) ?? Array(x.shape.axes.indices)
      let value =
        try values.optional(2).flatMap { $0.count == 0 ? nil : $0 }
        ?? numberTensor(Double(fixedValue ?? 0), x.dtype, on: context)
      let margins = try margins(pads, of: named, shape: x.shape)
      return [try padded(x, by: margins, filling, value: value, on: context)]
    }
  },
  "Trilu": OperatorDefinition(since: 14, inputs: 1...2) { preparation in
    let (isUpper, context) = (
      try preparation.node.flag("upper", default: true), preparation.context
    )
    return { values in
      let diagonal = try values.optional(1)?.integer() ?? 0
      return [try triangle(values.operand(0), diagonal, isUpper: isUpper, on: context)]
    }
  },
]

/// Equal lengths, the last one perhaps shorter.
private func evenLengths(of size: Int, count: Int) throws -> [Int] {
  guard count > 0, count <= OperatorDefinition.manyInputs else {
    throw ONNXError.invalid("\(count) outputs")
  }
  let length = size.dividedUp(by: count)
  return (0..<count).map { max(0, min(length, size - $0 * length)) }
}

/// Elements before and after each axis.
private func margins(_ pads: [Int], of named: [Int], shape: Shape) throws -> [(Int, Int)] {
  guard pads.count == 2 * named.count else {
    throw ONNXError.invalid("\(pads.count) pads for \(named.count) axes of \(shape)")
  }
  _ = try shape.distinctAxes(named)
  var margins = shape.axes.map { _ in (0, 0) }
  for (position, number) in named.enumerated() {
    margins[try shape.axis(number)] = (pads[position], pads[position + named.count])
  }
  return margins
}
