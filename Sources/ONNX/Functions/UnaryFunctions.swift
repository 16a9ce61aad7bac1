import TensorCore

/// Functions of one number of any type, whose result has its type.
enum NumberFunction: Sendable {
  case absolute, negate, sign, relu
}

/// Functions of one real number.
enum RealFunction: Sendable {
  case squareRoot, exp, log, floor, ceil, round, erf, reciprocal
  case tanh, sigmoid, sin, cos, tan, asin, acos, atan, sinh, cosh, asinh, acosh, atanh
  case softplus, softsign, mish, geluErf, geluTanh, hardSwish
  case leakyRelu(Double)
  case elu(Double)
  case celu(Double)
  case selu(alpha: Double, gamma: Double)
  case hardSigmoid(alpha: Double, beta: Double)
  case thresholdedRelu(Double)
  case shrink(bias: Double, limit: Double)
  /// x * sigmoid(alpha * x).
  case swish(Double)
}

/// f of every element, in its type; halves are computed in float32 and rounded once.
///
/// - Throws: `ONNXError.invalid` for truth values.
func mapped(
  _ x: Tensor, by function: NumberFunction, on context: OperatorContext
) throws -> Tensor {
  if x.dtype == .f32, function == .relu { return try x.applying(.relu, on: context.compute) }
  let type = x.dtype.arithmeticType
  let row = try type.dispatch(NumberRow(function: function))
  return try mapElements(of: x.converted(to: type, on: context.compute), on: context, row)
    .converted(to: x.dtype, on: context.compute)
}

/// f of every element, in its type; halves are computed in float32 and rounded once.
///
/// - Throws: `ONNXError.invalid` for anything but real numbers.
func mapped(_ x: Tensor, by function: RealFunction, on context: OperatorContext) throws -> Tensor {
  guard x.dtype.isFloatingPoint else { throw ONNXError.unsupported(x.dtype) }
  if x.dtype == .f32, let core = function.coreFunction {
    return try x.applying(core, on: context.compute)
  }
  let type = x.dtype.arithmeticType
  let row = try type.dispatch(RealRow(function: function))
  return try mapElements(of: x.converted(to: type, on: context.compute), on: context, row)
    .converted(to: x.dtype, on: context.compute)
}

extension RealFunction {
  /// The tensor core's own, where it has one.
  fileprivate var coreFunction: UnaryFunction? {
    switch self {
    case .exp: .exp
    case .tanh: .tanh
    case .sigmoid: .sigmoid
    case .geluErf: .geluErf
    case .geluTanh: .geluTanh
    default: nil
    }
  }
}

private struct NumberRow: NumericVisitor {
  let function: NumberFunction

  func visit<T: NumericElement>(_ type: T.Type) -> UnaryRow {
    switch function {
    case .absolute:
      unaryRow { (x: T) in x < .zero ? x.negated : x == .zero ? .zero : x }
    case .negate: unaryRow { (x: T) in x.negated }
    case .sign:
      unaryRow { (x: T) in
        x > .zero ? .one : x < .zero ? T.difference(.zero, .one) : x
      }
    case .relu: unaryRow { (x: T) in T.larger(x, .zero) }
    }
  }
}

/// Where one function is put together from others, in the order that loses the least.
private struct RealRow: RealVisitor {
  let function: RealFunction

  func visit<T: RealElement>(_ type: T.Type) -> UnaryRow {
    switch function {
    case .squareRoot: unaryRow { (x: T) in x.squareRoot() }
    case .exp: unaryRow { (x: T) in T.exp(x) }
    case .log: unaryRow { (x: T) in T.log(x) }
    case .floor: unaryRow { (x: T) in x.rounded(.down) }
    case .ceil: unaryRow { (x: T) in x.rounded(.up) }
    case .round: unaryRow { (x: T) in x.rounded(.toNearestOrEven) }
    case .erf: unaryRow { (x: T) in T.erf(x) }
    case .reciprocal: unaryRow { (x: T) in 1 / x }
    case .tanh: unaryRow { (x: T) in T.tanh(x) }
    case .sigmoid: unaryRow { (x: T) in sigmoid(x) }
    case .sin: unaryRow { (x: T) in T.sin(x) }
    case .cos: unaryRow { (x: T) in T.cos(x) }
    case .tan, .asin, .acos, .atan, .sinh, .cosh, .asinh, .acosh, .atanh: trigonometric(T.self)
    default: activation(T.self)
    }
  }

  private func trigonometric<T: RealElement>(_ type: T.Type) -> UnaryRow {
    let f: @Sendable (Double) -> Double =
      switch function {
      case .tan: { Double.tan($0) }
      case .asin: { Double.asin($0) }
      case .acos: { Double.acos($0) }
      case .atan: { Double.atan($0) }
      case .sinh: { Double.sinh($0) }
      case .cosh: { Double.cosh($0) }
      case .asinh: { Double.asinh($0) }
      case .acosh: { Double.acosh($0) }
      default: { Double.atanh($0) }
      }
    return unaryRow { (x: T) in T(f(Double(x))) }
  }

  private func activation<T: RealElement>(_ type: T.Type) -> UnaryRow {
    switch function {
    case .softplus: unaryRow { (x: T) in softplus(x) }
    case .softsign: unaryRow { (x: T) in x / (1 + abs(x)) }
    case .mish: unaryRow { (x: T) in x * T.tanh(softplus(x)) }
    case .geluErf: unaryRow { (x: T) in x / 2 * (1 + T.erf(x * T(0.5.squareRoot()))) }
    case .geluTanh:
      unaryRow { (x: T) in
        let inner = T((2 / Double.pi).squareRoot()) * (x + 0.044715 * x * x * x)
        return x / 2 * (1 + T.tanh(inner))
      }
    case .leakyRelu(let slope): scaled(T(slope))
    case .elu(let alpha): exponential(T(alpha), width: 1, factor: 1)
    case .celu(let alpha): exponential(T(alpha), width: T(alpha), factor: 1)
    case .selu(let alpha, let gamma): exponential(T(alpha), width: 1, factor: T(gamma))
    case .hardSigmoid(let alpha, let beta):
      bounded(T(alpha), T(beta))
    case .hardSwish: unaryRow { (x: T) in x * T.bounded(x / 6 + 0.5) }
    case .thresholdedRelu(let alpha):
      linear(T(alpha), 0) { (x: T, a: T, _: T) in x > a ? x : 0 }
    case .shrink(let bias, let limit):
      linear(T(bias), T(limit)) { (x: T, a: T, b: T) in x < -b ? x + a : x > b ? x - a : 0 }
    case .swish(let alpha): linear(T(alpha), 0) { (x: T, a: T, _: T) in x * sigmoid(a * x) }
    default: unaryRow { (x: T) in x }
    }
  }

  private func scaled<T: RealElement>(_ slope: T) -> UnaryRow {
    unaryRow { (x: T) in x < 0 ? slope * x : x }
  }

  /// alpha * x + beta, held to 0 ... 1: a loop of its own, in which nothing is called.
  private func bounded<T: RealElement>(_ alpha: T, _ beta: T) -> UnaryRow {
    { result, operand, count in
      let y = result.assumingMemoryBound(to: T.self)
      let x = operand.assumingMemoryBound(to: T.self)
      for i in 0..<count { y[i] = T.bounded(alpha * x[i] + beta) }
    }
  }

  /// factor * alpha * (e^(x / width) - 1) below zero, factor * x above.
  private func exponential<T: RealElement>(_ alpha: T, width: T, factor: T) -> UnaryRow {
    unaryRow { (x: T) in x < 0 ? factor * (alpha * T.expm1(x / width)) : factor * x }
  }

  @inline(__always)
  private func linear<T: RealElement>(
    _ a: T, _ b: T, _ f: @escaping @Sendable (T, T, T) -> T
  ) -> UnaryRow {
    unaryRow { (x: T) in f(x, a, b) }
  }
}

/// log(1 + e^x), which does not overflow.
private func softplus<T: RealElement>(_ x: T) -> T {
  x > 0 ? x + T.log1p(T.exp(-x)) : T.log1p(T.exp(x))
}

private func sigmoid<T: RealElement>(_ x: T) -> T {
  if x >= 0 { return 1 / (1 + T.exp(-x)) }
  let power = T.exp(x)
  return power / (1 + power)
}

extension RealElement {
  /// Held to 0 ... 1.
  @inline(__always) fileprivate static func bounded(_ x: Self) -> Self {
    x < 0 ? 0 : x > 1 ? 1 : x
  }
}

// MARK: Tests of numbers

/// Whether a number is NaN, or which infinity it is.
enum NumberTest: Sendable {
  case notANumber
  case infinity(negative: Bool, positive: Bool)
}

/// Truth values.
///
/// - Throws: `ONNXError.invalid` for anything but real numbers.
func tested(_ x: Tensor, for test: NumberTest, on context: OperatorContext) throws -> Tensor {
  guard x.dtype.isFloatingPoint else { throw ONNXError.unsupported(x.dtype) }
  let type = x.dtype.arithmeticType
  let row = try type.dispatch(TestRow(test: test))
  return try mapElements(
    of: x.converted(to: type, on: context.compute), to: .bool, on: context, row)
}

private struct TestRow: RealVisitor {
  let test: NumberTest

  func visit<T: RealElement>(_ type: T.Type) -> UnaryRow {
    switch test {
    case .notANumber: unaryRow { (x: T) in x.isNaN }
    case .infinity(let negative, let positive):
      unaryRow { (x: T) in x.isInfinite && (x < 0 ? negative : positive) }
    }
  }
}

/// Not x, for truth values.
///
/// - Throws: `ONNXError.invalid` for other types.
func inverted(_ x: Tensor, on context: OperatorContext) throws -> Tensor {
  guard x.dtype == .bool else { throw ONNXError.unsupported(x.dtype) }
  return try mapElements(of: x, on: context, unaryRow { (x: UInt8) in x == 0 })
}

// MARK: Bounds

/// x held between two scalars of its type, which may be left out; NaN stays.
///
/// - Throws: `ONNXError.invalid` for truth values.
func clipped(
  _ x: Tensor, from lower: Tensor?, to upper: Tensor?, on context: OperatorContext
) throws -> Tensor {
  let type = x.dtype.arithmeticType
  let bounds = try [lower, upper].map { try $0?.converted(to: type, on: context.compute) }
  let row = try type.dispatch(ClipRow(lower: bounds[0], upper: bounds[1]))
  return try mapElements(of: x.converted(to: type, on: context.compute), on: context, row)
    .converted(to: x.dtype, on: context.compute)
}

private struct ClipRow: NumericVisitor {
  let lower: Tensor?
  let upper: Tensor?

  func visit<T: NumericElement>(_ type: T.Type) -> UnaryRow {
    let lower = lower.map { $0.pointer.load(as: T.self) } ?? T.least
    let upper = upper.map { $0.pointer.load(as: T.self) } ?? T.greatest
    return unaryRow { (x: T) in
      let raised = x < lower ? lower : x
      return raised > upper ? upper : raised
    }
  }
}
