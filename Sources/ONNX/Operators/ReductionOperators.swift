import TensorCore

/// What is made of the elements along axes: reductions, shares, running sums.
let reductionOperators: [String: OperatorDefinition] = [
  "ReduceSum": reduction(.sum, axesAreInputSince: 13),
  "ReduceMean": reduction(.mean),
  "ReduceProd": reduction(.product),
  "ReduceMin": reduction(.smallest),
  "ReduceMax": reduction(.largest),
  "ReduceL1": reduction(.l1),
  "ReduceL2": reduction(.l2),
  "ReduceSumSquare": reduction(.squares),
  "ReduceLogSum": reduction(.logSum),
  "ReduceLogSumExp": reduction(.logSumExp),
  "ArgMax": extremePlace(largest: true),
  "ArgMin": extremePlace(largest: false),
  "Softmax": share(.softmax),
  "LogSoftmax": share(.logSoftmax),
  "Hardmax": share(.hardmax),
  "CumSum": OperatorDefinition(since: 11, inputs: 2...2) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let (exclusive, reversed) = (try node.flag("exclusive"), try node.flag("reverse"))
    return { values in
      let x = try values.operand(0)
      let axis = try x.shape.axis(values.operand(1).integer())
      return [
        try runningSum(of: x, axis: axis, exclusive: exclusive, reversed: reversed, on: context)
      ]
    }
  },
]

/// Axes are an attribute, in later versions an input.
private func reduction(
  _ reduction: Reduction, axesAreInputSince version: Int = 18
) -> OperatorDefinition {
  OperatorDefinition(inputs: 1...2) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let keepsAxes = try node.flag("keepdims", default: true)
    let keepsAll = try node.flag("noop_with_empty_axes")
    let fixedAxes = node.opset < version ? try node.ints("axes") : nil
    let readsAxes = node.opset >= version
    return { values in
      let x = try values.operand(0)
      let named = try readsAxes ? values.integers(1) : fixedAxes
      let axes: [Int]
      if let named, !named.isEmpty {
        axes = try x.shape.distinctAxes(named)
      } else {
        if keepsAll {
          return [try reduced(x, axes: [], keepsAxes: true, by: reduction, on: context)]
        }
        axes = Array(x.shape.axes.indices)
      }
      return [try reduced(x, axes: axes, keepsAxes: keepsAxes, by: reduction, on: context)]
    }
  }
}

private func extremePlace(largest: Bool) -> OperatorDefinition {
  OperatorDefinition(inputs: 1...1) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let (number, keepsAxis) = (
      try node.int("axis", default: 0), try node.flag("keepdims", default: true)
    )
    let takesLast = try node.flag("select_last_index")
    return { values in
      let x = try values.operand(0)
      let axis = try x.shape.axis(number)
      let places = try placesOfExtremes(
        x, axis: axis, largest: largest, takesLast: takesLast, on: context)
      if keepsAxis { return [places] }
      var axes = x.shape.axes
      axes.remove(at: axis)
      return [try places.reshaped(Shape(axes))]
    }
  }
}

/// Before version 13 the axes from the named one on were one.
private func share(_ share: Share) -> OperatorDefinition {
  OperatorDefinition(inputs: 1...1) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let joinsAxes = node.opset < 13
    let number = try node.int("axis", default: joinsAxes ? 1 : -1)
    return { values in
      let x = try values.operand(0)
      if x.shape.rank == 0 || (joinsAxes && number == x.shape.rank) {
        let column = try x.reshaped([x.count, 1], on: context)
        return [try shares(share, of: column, axis: 1, on: context).reshaped(x.shape)]
      }
      let axis = try x.shape.axis(number)
      guard joinsAxes, axis + 1 < x.shape.rank else {
        return [try shares(share, of: x, axis: axis, on: context)]
      }
      let layout = AxisLayout(x.shape, axes: axis..<x.shape.rank)
      let rows = try x.reshaped([layout.outer, layout.length], on: context)
      return [try shares(share, of: rows, axis: 1, on: context).reshaped(x.shape)]
    }
  }
}
