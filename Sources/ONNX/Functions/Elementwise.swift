import TensorCore

/// Arithmetic of two numbers, whose result has their type.
enum Arithmetic: Sendable {
  case add, subtract, multiply, divide, smaller, larger, power
  /// The remainder with the sign of the dividend.
  case remainder
  /// The remainder with the sign of the divisor.
  case modulus
  /// a where it is positive, a * b elsewhere.
  case leak
}

/// The loop of an arithmetic over one type.
struct ArithmeticRow: NumericVisitor {
  let arithmetic: Arithmetic

  func visit<T: NumericElement>(_ type: T.Type) -> BinaryRow {
    switch arithmetic {
    case .add: binaryRow { (a: T, b: T) in T.sum(a, b) }
    case .subtract: binaryRow { (a: T, b: T) in T.difference(a, b) }
    case .multiply: binaryRow { (a: T, b: T) in T.product(a, b) }
    case .divide: binaryRow { (a: T, b: T) in T.quotient(a, b) }
    case .smaller: binaryRow { (a: T, b: T) in T.smaller(a, b) }
    case .larger: binaryRow { (a: T, b: T) in T.larger(a, b) }
    case .power: binaryRow { (a: T, b: T) in T.power(a, b) }
    case .remainder: binaryRow { (a: T, b: T) in T.remainder(a, b) }
    case .modulus: binaryRow { (a: T, b: T) in T.modulus(a, b) }
    case .leak: binaryRow { (a: T, b: T) in a < .zero ? T.product(a, b) : a }
    }
  }
}

/// a and b, broadcast together, in their type; halves are computed in float32 and rounded once.
///
/// - Throws: `ONNXError.invalid` where the types differ, are no numbers, or the shapes do not fit.
func arithmetic(
  _ arithmetic: Arithmetic, _ a: Tensor, _ b: Tensor, on context: OperatorContext
) throws -> Tensor {
  try requireSameType(a, b)
  if a.dtype == .f32, a.shape == b.shape, a.isContiguous, b.isContiguous,
    let function = arithmetic.coreFunction
  {
    return try a.combined(with: b, by: function, on: context.compute)
  }
  let type = a.dtype.arithmeticType
  let row = try type.dispatch(ArithmeticRow(arithmetic: arithmetic))
  let result = try combineElements(
    a.converted(to: type, on: context.compute), b.converted(to: type, on: context.compute),
    to: type, on: context,
    row)
  return try result.converted(to: a.dtype, on: context.compute)
}

extension Arithmetic {
  /// The tensor core's own, where it has one.
  fileprivate var coreFunction: BinaryFunction? {
    switch self {
    case .add: .add
    case .subtract: .subtract
    case .multiply: .multiply
    default: nil
    }
  }
}

/// - Throws: `ONNXError.invalid` where two operands differ in type.
func requireSameType(_ a: Tensor, _ b: Tensor) throws {
  guard a.dtype == b.dtype else {
    throw ONNXError.invalid(
      "element types \(a.dtype.rawValue) and \(b.dtype.rawValue) differ; they must be equal")
  }
}

// MARK: Comparisons and truth values

/// Comparisons of two numbers; every one with NaN is false.
enum Ordering: Sendable {
  case equal, less, lessOrEqual, greater, greaterOrEqual
}

private struct OrderingRow: NumericVisitor {
  let ordering: Ordering

  func visit<T: NumericElement>(_ type: T.Type) -> BinaryRow {
    switch ordering {
    case .equal: binaryRow { (a: T, b: T) in a == b }
    case .less: binaryRow { (a: T, b: T) in a < b }
    case .lessOrEqual: binaryRow { (a: T, b: T) in a <= b }
    case .greater: binaryRow { (a: T, b: T) in a > b }
    case .greaterOrEqual: binaryRow { (a: T, b: T) in a >= b }
    }
  }
}

/// Whether a and b, broadcast together, are in an order: truth values.
///
/// - Throws: `ONNXError.invalid` as `arithmetic`; truth values may be compared too.
func compared(
  _ ordering: Ordering, _ a: Tensor, _ b: Tensor, on context: OperatorContext
) throws -> Tensor {
  try requireSameType(a, b)
  let type = a.dtype == .bool ? DType.u8 : a.dtype.arithmeticType
  let row = try type.dispatch(OrderingRow(ordering: ordering))
  return try combineElements(
    a.converted(to: type, on: context.compute), b.converted(to: type, on: context.compute),
    to: .bool, on: context,
    row)
}

/// Functions of two truth values.
enum Connective: Sendable {
  case and, or, exclusiveOr
}

/// a and b, truth values broadcast together.
///
/// - Throws: `ONNXError.invalid` where they are none or the shapes do not fit.
func connected(
  _ connective: Connective, _ a: Tensor, _ b: Tensor, on context: OperatorContext
) throws -> Tensor {
  for operand in [a, b] where operand.dtype != .bool {
    throw ONNXError.unsupported(operand.dtype)
  }
  let row: BinaryRow =
    switch connective {
    case .and: binaryRow { (a: UInt8, b: UInt8) in a != 0 && b != 0 }
    case .or: binaryRow { (a: UInt8, b: UInt8) in a != 0 || b != 0 }
    case .exclusiveOr: binaryRow { (a: UInt8, b: UInt8) in (a != 0) != (b != 0) }
    }
  return try combineElements(a, b, to: .bool, on: context, row)
}

/// Functions of the bits of two whole numbers.
enum BitFunction: Sendable {
  case and, or, exclusiveOr, shiftLeft, shiftRight
}

private struct BitRow: WholeVisitor {
  let function: BitFunction

  func visit<T: WholeElement>(_ type: T.Type) -> BinaryRow {
    switch function {
    case .and: binaryRow { (a: T, b: T) in a & b }
    case .or: binaryRow { (a: T, b: T) in a | b }
    case .exclusiveOr: binaryRow { (a: T, b: T) in a ^ b }
    case .shiftLeft: binaryRow { (a: T, b: T) in a << b }
    case .shiftRight: binaryRow { (a: T, b: T) in a >> b }
    }
  }
}

/// The bits of a and b, whole numbers broadcast together.
///
/// - Throws: `ONNXError.invalid` as `arithmetic`.
func bits(
  _ function: BitFunction, _ a: Tensor, _ b: Tensor, on context: OperatorContext
) throws -> Tensor {
  try requireSameType(a, b)
  return try combineElements(
    a, b, to: a.dtype, on: context, a.dtype.dispatch(BitRow(function: function)))
}

/// The bits of x, whole numbers, turned over.
///
/// - Throws: `ONNXError.invalid` for other types.
func complement(of x: Tensor, on context: OperatorContext) throws -> Tensor {
  struct Row: WholeVisitor {
    func visit<T: WholeElement>(_ type: T.Type) -> UnaryRow { unaryRow { (x: T) in ~x } }
  }
  return try mapElements(of: x, on: context, x.dtype.dispatch(Row()))
}

// MARK: Choice

/// x where the condition holds, y elsewhere, all broadcast together.
///
/// - Throws: `ONNXError.invalid` where the shapes do not fit or the types are wrong.
func chosen(
  where condition: Tensor, _ x: Tensor, _ y: Tensor, on context: OperatorContext
) throws -> Tensor {
  try requireSameType(x, y)
  guard condition.dtype == .bool else { throw ONNXError.unsupported(condition.dtype) }
  let plan = try Broadcasting([condition, x, y])
  let result = try context.tensor(plan.shape.axes, x.dtype)
  result.dtype.dispatchWords(
    ChooseWords(
      operands: [condition, x, y], result: result, walk: plan.walk, context: context))
  return result
}

private struct ChooseWords: WordVisitor {
  let operands: [Tensor]
  let result: Tensor
  let walk: StridedWalk
  let context: OperatorContext

  func visit<Word: FixedWidthInteger & BitwiseCopyable & Sendable>(_ type: Word.Type) {
    nonisolated(unsafe) let c = operands[0].pointer.assumingMemoryBound(to: UInt8.self)
    nonisolated(unsafe) let x = operands[1].pointer.assumingMemoryBound(to: Word.self)
    nonisolated(unsafe) let y = operands[2].pointer.assumingMemoryBound(to: Word.self)
    nonisolated(unsafe) let target = result.pointer.assumingMemoryBound(to: Word.self)
    let steps = walk.rowSteps
    walk.forEachRow(on: context) { start, offsets, count in
      let (c, x, y) = (c + offsets[0], x + offsets[1], y + offsets[2])
      for i in 0..<count {
        target[start + i] = c[i * steps[0]] != 0 ? x[i * steps[1]] : y[i * steps[2]]
      }
    }
  }
}
