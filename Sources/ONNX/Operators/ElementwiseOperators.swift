import TensorCore

/// Arithmetic, comparisons and truth values of elements that are broadcast together.
let elementwiseOperators: [String: OperatorDefinition] = [
  "Add": pairwise { try arithmetic(.add, $0, $1, on: $2) },
  "Sub": pairwise { try arithmetic(.subtract, $0, $1, on: $2) },
  "Mul": pairwise { try arithmetic(.multiply, $0, $1, on: $2) },
  "Div": pairwise { try arithmetic(.divide, $0, $1, on: $2) },
  "Pow": pairwise { try raised($0, to: $1, on: $2) },
  "Mod": OperatorDefinition(since: 10, inputs: 2...2) { preparation in
    let function: Arithmetic = try preparation.node.flag("fmod") ? .remainder : .modulus
    return pairs(preparation) { try arithmetic(function, $0, $1, on: $2) }
  },
  "Min": folded { try arithmetic(.smaller, $0, $1, on: $2) },
  "Max": folded { try arithmetic(.larger, $0, $1, on: $2) },
  "Sum": folded { try arithmetic(.add, $0, $1, on: $2) },
  "Mean": OperatorDefinition(inputs: 1...OperatorDefinition.manyInputs) { preparation in
    let context = preparation.context
    return { values in
      let sum = try foldedOperands(values, on: context) {
        try arithmetic(.add, $0, $1, on: context)
      }
      let count = try numberTensor(Double(values.count), sum.dtype, on: context)
      return [try arithmetic(.divide, sum, count, on: context)]
    }
  },
  "Equal": pairwise { try compared(.equal, $0, $1, on: $2) },
  "Less": pairwise { try compared(.less, $0, $1, on: $2) },
  "LessOrEqual": pairwise(since: 12) { try compared(.lessOrEqual, $0, $1, on: $2) },
  "Greater": pairwise { try compared(.greater, $0, $1, on: $2) },
  "GreaterOrEqual": pairwise(since: 12) { try compared(.greaterOrEqual, $0, $1, on: $2) },
  "And": pairwise { try connected(.and, $0, $1, on: $2) },
  "Or": pairwise { try connected(.or, $0, $1, on: $2) },
  "Xor": pairwise { try connected(.exclusiveOr, $0, $1, on: $2) },
  "BitwiseAnd": pairwise(since: 18) { try bits(.and, $0, $1, on: $2) },
  "BitwiseOr": pairwise(since: 18) { try bits(.or, $0, $1, on: $2) },
  "BitwiseXor": pairwise(since: 18) { try bits(.exclusiveOr, $0, $1, on: $2) },
  "BitShift": OperatorDefinition(since: 11, inputs: 2...2) { preparation in
    let function: BitFunction =
      switch try preparation.node.string("direction") {
      case "LEFT": .shiftLeft
      case "RIGHT": .shiftRight
      case let other: throw ONNXError.invalid("direction '\(other ?? "")' is not LEFT or RIGHT")
      }
    return pairs(preparation) { try bits(function, $0, $1, on: $2) }
  },
  "Where": OperatorDefinition(since: 9, inputs: 3...3) { preparation in
    let context = preparation.context
    return { values in
      let operands = try (0..<3).map(values.operand)
      return [
        try inMemoryOrder(of: operands) { try chosen(where: $0[0], $0[1], $0[2], on: context) }
      ]
    }
  },
  "PRelu": OperatorDefinition(inputs: 2...2) { preparation in
    let (context, opset) = (preparation.context, preparation.node.opset)
    return { values in
      let x = try values.operand(0)
      var slope = try values.operand(1)
      // Before version 7 the slope stood for the channels, which are the second axis.
      if opset < 7, slope.count > 1, x.shape.rank > 1 {
        let axes = [slope.count] + [Int](repeating: 1, count: x.shape.rank - 2)
        slope = try slope.reshaped(axes, on: context)
      }
      return [
        try inMemoryOrder(of: [x, slope]) {
          try arithmetic(.leak, $0[0], $0[1], on: context)
        }
      ]
    }
  },
]

private typealias Pairwise = @Sendable (Tensor, Tensor, OperatorContext) throws -> Tensor

private func pairwise(since: Int = 1, _ f: @escaping Pairwise) -> OperatorDefinition {
  OperatorDefinition(since: since, inputs: 2...2) { preparation in
    let node = preparation.node
    // Before version 7 shapes were broadcast on demand, the second one standing at an axis.
    let axis =
      try node.opset < 7 && node.flag("broadcast") ? node.int("axis") : nil
    return pairs(preparation, axis: axis, f)
  }
}

private func pairs(
  _ preparation: NodePreparation, axis: Int? = nil, _ f: @escaping Pairwise
) -> Kernel {
  let context = preparation.context
  return { values in
    let a = try values.operand(0)
    var b = try values.operand(1)
    if let axis { b = try aligned(b, with: a, at: axis, on: context) }
    return [try inMemoryOrder(of: [a, b]) { try f($0[0], $0[1], context) }]
  }
}

/// The second operand with trailing axes of size 1, so that its first axis meets one of the first
/// operand's.
private func aligned(
  _ b: Tensor, with a: Tensor, at axis: Int, on context: OperatorContext
) throws -> Tensor {
  let missing = a.shape.rank - (axis < 0 ? axis + a.shape.rank : axis) - b.shape.rank
  guard missing >= 0, axis >= -a.shape.rank else {
    throw ONNXError.invalid("shape \(b.shape) does not fit \(a.shape) from axis \(axis) on")
  }
  return try b.reshaped(b.shape.axes + [Int](repeating: 1, count: missing), on: context)
}

/// One result from any number of operands, pair by pair.
private func folded(_ f: @escaping Pairwise) -> OperatorDefinition {
  OperatorDefinition(inputs: 1...OperatorDefinition.manyInputs) { preparation in
    let context = preparation.context
    return { values in [try foldedOperands(values, on: context) { try f($0, $1, context) }] }
  }
}

private func foldedOperands(
  _ values: [Tensor?], on context: OperatorContext, _ f: (Tensor, Tensor) throws -> Tensor
) throws -> Tensor {
  var result = try values.operand(0)
  for index in values.indices.dropFirst() {
    result = try inMemoryOrder(of: [result, values.operand(index)]) { try f($0[0], $0[1]) }
  }
  return result
}

/// Powers: the exponent may be of another type; the result has the base's.
private func raised(
  _ base: Tensor, to exponent: Tensor, on context: OperatorContext
) throws -> Tensor {
  if exponent.dtype == base.dtype { return try arithmetic(.power, base, exponent, on: context) }
  if base.dtype.isFloatingPoint || !exponent.dtype.isFloatingPoint {
    let exponent = try exponent.converted(to: base.dtype, on: context.compute)
    return try arithmetic(.power, base, exponent, on: context)
  }
  let power = try arithmetic(
    .power, base.converted(to: .f64, on: context.compute),
    exponent.converted(to: .f64, on: context.compute), on: context)
  return try power.converted(to: base.dtype, on: context.compute)
}

/// A scalar.
func numberTensor(_ value: Double, _ type: DType, on context: OperatorContext) throws -> Tensor {
  let tensor = try context.tensor([], .f64)
  tensor.pointer.storeBytes(of: value, as: Double.self)
  return try tensor.converted(to: type, on: context.compute)
}
