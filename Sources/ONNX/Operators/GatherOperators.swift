import TensorCore

/// Elements that are read from or written to places that a tensor tells.
let gatherOperators: [String: OperatorDefinition] = [
  "Gather": OperatorDefinition(inputs: 2...2) { preparation in
    let (number, context) = (try preparation.node.int("axis", default: 0), preparation.context)
    return { values in
      let (x, indices) = (try values.operand(0), try values.operand(1))
      let axis = try x.shape.axis(number)
      let places = try positions(indices, size: x.shape[axis])
      let axes = x.shape.axes[..<axis] + indices.shape.axes + x.shape.axes[(axis + 1)...]
      return [
        try gathered(x, places, axis: axis, on: context).reshaped(Shape(validating: Array(axes)))
      ]
    }
  },
  "GatherElements": OperatorDefinition(since: 11, inputs: 2...2) { preparation in
    let (number, context) = (try preparation.node.int("axis", default: 0), preparation.context)
    return { values in
      let (x, indices) = (try values.operand(0), try values.operand(1))
      let numbers = try elementNumbers(indices, in: x.shape, axis: x.shape.axis(number))
      let result = try context.tensor(indices.shape.axes, x.dtype)
      x.dtype.dispatchWords(
        BlockMove(
          source: try materialized(x, on: context), result: result, count: numbers.count, length: 1,
          context: context
        ) { numbers[$0] })
      return [result]
    }
  },
  "GatherND": OperatorDefinition(since: 11, inputs: 2...2) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let batchAxes = try node.int("batch_dims", default: 0)
    return { values in
      let (x, indices) = (try values.operand(0), try values.operand(1))
      let starts = try blockStarts(indices, in: x.shape, batchAxes: batchAxes)
      let blockAxes = x.shape.axes[(batchAxes + indices.shape[-1])...]
      let result = try context.tensor(Array(indices.shape.axes.dropLast() + blockAxes), x.dtype)
      x.dtype.dispatchWords(
        BlockMove(
          source: try materialized(x, on: context), result: result, count: starts.count,
          length: blockAxes.reduce(1, *), context: context
        ) { starts[$0] })
      return [result]
    }
  },
  "ScatterElements": scatterElements(since: 11),
  "Scatter": scatterElements(since: 9),
  "ScatterND": OperatorDefinition(since: 11, inputs: 3...3) { preparation in
    let context = preparation.context
    let joining = try preparation.node.joining()
    return { values in
      let (x, indices) = (try values.operand(0), try values.operand(1))
      let updates = try values.operand(2)
      let starts = try blockStarts(indices, in: x.shape, batchAxes: 0)
      let blockAxes = x.shape.axes[indices.shape[-1]...]
      guard updates.shape.axes == indices.shape.axes.dropLast() + blockAxes else {
        throw ONNXError.invalid(
          "updates \(updates.shape) for indices \(indices.shape) of \(x.shape)")
      }
      return [
        try scattered(
          updates, to: starts, length: blockAxes.reduce(1, *), over: x, by: joining, on: context)
      ]
    }
  },
  "OneHot": OperatorDefinition(since: 9, inputs: 3...3) { preparation in
    let (number, context) = (try preparation.node.int("axis", default: -1), preparation.context)
    return { values in
      let indices = try values.operand(0)
      let depth = try values.operand(1).converted(to: .i64).integer()
      guard depth >= 0, try values.operand(2).count == 2 else {
        throw ONNXError.invalid("a depth of \(depth), \(try values.operand(2).count) values")
      }
      let rank = indices.shape.rank + 1
      guard (-rank..<rank).contains(number) else {
        throw ONNXError.invalid("axis \(number) is not one of \(rank)")
      }
      return [
        try oneHot(
          indices, depth: depth, axis: number < 0 ? number + rank : number,
          values: values.operand(2), on: context)
      ]
    }
  },
]

private func scatterElements(since: Int) -> OperatorDefinition {
  OperatorDefinition(since: since, inputs: 3...3) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let (number, joining) = (try node.int("axis", default: 0), try node.joining())
    return { values in
      let (x, indices) = (try values.operand(0), try values.operand(1))
      let updates = try values.operand(2)
      guard updates.shape == indices.shape else {
        throw ONNXError.invalid("updates \(updates.shape) for indices \(indices.shape)")
      }
      let numbers = try elementNumbers(indices, in: x.shape, axis: x.shape.axis(number))
      return [
        try scattered(updates, to: numbers, length: 1, over: x, by: joining, on: context)
      ]
    }
  }
}

extension Node {
  /// How an update meets the element that it is written to; nil replaces it.
  fileprivate func joining() throws -> Arithmetic? {
    switch try string("reduction", default: "none") {
    case "none": nil
    case "add": .add
    case "mul": .multiply
    case "min": .smaller
    case "max": .larger
    case let other:
      throw ONNXError.invalid("reduction '\(other)' is not none, add, mul, min or max")
    }
  }
}
