import TensorCore

/// Functions of one element.
let activationOperators: [String: OperatorDefinition] = [
  "Abs": numbers(.absolute),
  "Neg": numbers(.negate),
  "Sign": numbers(.sign, since: 9),
  "Relu": numbers(.relu),
  "Sqrt": reals { _ in .squareRoot },
  "Exp": reals { _ in .exp },
  "Log": reals { _ in .log },
  "Floor": reals { _ in .floor },
  "Ceil": reals { _ in .ceil },
  "Round": reals(since: 11) { _ in .round },
  "Erf": reals(since: 9) { _ in .erf },
  "Reciprocal": reals { _ in .reciprocal },
  "Tanh": reals { _ in .tanh },
  "Sigmoid": reals { _ in .sigmoid },
  "Sin": reals { _ in .sin },
  "Cos": reals { _ in .cos },
  "Tan": reals { _ in .tan },
  "Asin": reals { _ in .asin },
  "Acos": reals { _ in .acos },
  "Atan": reals { _ in .atan },
  "Sinh": reals { _ in .sinh },
  "Cosh": reals { _ in .cosh },
  "Asinh": reals { _ in .asinh },
  "Acosh": reals { _ in .acosh },
  "Atanh": reals { _ in .atanh },
  "Softplus": reals { _ in .softplus },
  "Softsign": reals { _ in .softsign },
  "Mish": reals(since: 18) { _ in .mish },
  "LeakyRelu": reals { .leakyRelu(try $0.real("alpha", 0.01)) },
  "Elu": reals { .elu(try $0.real("alpha", 1)) },
  "Celu": reals(since: 12) { .celu(try $0.real("alpha", 1)) },
  "Selu": reals {
    .selu(
      alpha: try $0.real("alpha", 1.67326319217681884765625),
      gamma: try $0.real("gamma", 1.05070102214813232421875))
  },
  "HardSigmoid": reals {
    .hardSigmoid(alpha: try $0.real("alpha", 0.2), beta: try $0.real("beta", 0.5))
  },
  "HardSwish": reals(since: 14) { _ in .hardSwish },
  "ThresholdedRelu": reals(since: 10) { .thresholdedRelu(try $0.real("alpha", 1)) },
  "Shrink": reals(since: 9) {
    .shrink(bias: try $0.real("bias", 0), limit: try $0.real("lambd", 0.5))
  },
  "Swish": reals(since: 24) { .swish(try $0.real("alpha", 1)) },
  "Gelu": reals(since: 20) {
    switch try $0.string("approximate", default: "none") {
    case "none": .geluErf
    case "tanh": .geluTanh
    case let other: throw ONNXError.invalid("approximate '\(other)' is not none or tanh")
    }
  },
  "IsNaN": tests(since: 9) { _ in .notANumber },
  "IsInf": tests(since: 10) {
    .infinity(
      negative: try $0.flag("detect_negative", default: true),
      positive: try $0.flag("detect_positive", default: true))
  },
  "Not": unary { x, context in try inverted(x, on: context) },
  "BitwiseNot": unary(since: 18) { x, context in try complement(of: x, on: context) },
  "Clip": OperatorDefinition(inputs: 1...3) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let fixed = node.opset < 11 ? (try node.float("min"), try node.float("max")) : (nil, nil)
    return { values in
      let x = try values.operand(0)
      let lower =
        try values.optional(1)?.scalarBound(of: x)
        ?? fixed.0.map { try numberTensor(Double($0), x.dtype, on: context) }
      let upper =
        try values.optional(2)?.scalarBound(of: x)
        ?? fixed.1.map { try numberTensor(Double($0), x.dtype, on: context) }
      return [
        try inMemoryOrder(of: x, on: context) {
          try clipped($0, from: lower, to: upper, on: context)
        }
      ]
    }
  },
]

private func unary(
  since: Int = 1, _ f: @escaping @Sendable (Tensor, OperatorContext) throws -> Tensor
) -> OperatorDefinition {
  OperatorDefinition(since: since, inputs: 1...1) { preparation in
    let context = preparation.context
    return { values in
      [try inMemoryOrder(of: values.operand(0), on: context) { try f($0, context) }]
    }
  }
}

private func numbers(_ function: NumberFunction, since: Int = 1) -> OperatorDefinition {
  unary(since: since) { try mapped($0, by: function, on: $1) }
}

/// A function of real numbers whose parameters are attributes.
private func reals(
  since: Int = 1, _ function: @escaping @Sendable (Node) throws -> RealFunction
) -> OperatorDefinition {
  OperatorDefinition(since: since, inputs: 1...1) { preparation in
    let (function, context) = (try function(preparation.node), preparation.context)
    return { values in
      [
        try inMemoryOrder(of: values.operand(0), on: context) {
          try mapped($0, by: function, on: context)
        }
      ]
    }
  }
}

private func tests(
  since: Int, _ test: @escaping @Sendable (Node) throws -> NumberTest
) -> OperatorDefinition {
  OperatorDefinition(since: since, inputs: 1...1) { preparation in
    let (test, context) = (try test(preparation.node), preparation.context)
    return { values in
      [
        try inMemoryOrder(of: values.operand(0), on: context) {
          try tested($0, for: test, on: context)
        }
      ]
    }
  }
}

extension Node {
  fileprivate func real(_ name: String, _ value: Double) throws -> Double {
    try float(name).map { Double($0) } ?? value
  }
}

extension Tensor {
  /// A bound of `Clip`; an empty tensor is none.
  fileprivate func scalarBound(of x: Tensor) throws -> Tensor? {
    if count == 0 { return nil }
    guard dtype == x.dtype, count == 1 else {
      throw ONNXError.invalid(
        "a bound of type \(dtype.rawValue) and shape \(shape) for elements of type "
          + x.dtype.rawValue)
    }
    return self
  }
}
