import TensorCore

/// Tensors that are made of attributes, sizes or types.
let constantOperators: [String: OperatorDefinition] = [
  "Constant": OperatorDefinition(inputs: 0...0) { preparation in
    let value = try constantValue(preparation.node, on: preparation.context)
    return { _ in [value] }
  },
  "ConstantOfShape": OperatorDefinition(since: 9, inputs: 1...1) { preparation in
    let context = preparation.context
    let value = try preparation.node.tensor("value") ?? numberTensor(0, .f32, on: context)
    guard value.count == 1 else {
      throw ONNXError.invalid("attribute 'value' has \(value.count) elements instead of one")
    }
    let scalar = try value.reshaped([])
    return { values in
      let result = try context.tensor(values.operand(0).wholeNumbers(), scalar.dtype)
      copyElements(from: scalar.expanded(to: result.shape), to: result, on: context)
      return [result]
    }
  },
  "Range": OperatorDefinition(since: 11, inputs: 3...3) { preparation in
    let context = preparation.context
    return { values in
      let operands = try (0..<3).map(values.operand)
      for operand in operands where operand.dtype != operands[0].dtype || operand.count != 1 {
        throw ONNXError.invalid("start, limit and delta are not three numbers of one type")
      }
      let type = operands[0].dtype
      let numbers = try operands.map {
        try $0.converted(to: type.arithmeticType, on: context.compute)
      }
      let range = try type.arithmeticType.dispatch(NumberRange(operands: numbers, context: context))
      return [try range.converted(to: type, on: context.compute)]
    }
  },
  "EyeLike": OperatorDefinition(since: 9, inputs: 1...1) { preparation in
    let (node, context) = (preparation.node, preparation.context)
    let diagonal = try node.int("k", default: 0)
    let type = try node.elementType("dtype")
    return { values in
      let x = try values.operand(0)
      guard x.shape.rank == 2 else { throw ONNXError.invalid("\(x.shape) is no matrix") }
      let one = try numberTensor(1, type ?? x.dtype, on: context).expanded(to: x.shape)
      let ones = try materialized(one, on: context)
      let upper = try triangle(ones, diagonal, isUpper: true, on: context)
      return [try triangle(upper, diagonal, isUpper: false, on: context)]
    }
  },
]

private func constantValue(_ node: Node, on context: OperatorContext) throws -> Tensor {
  if let value = try node.tensor("value") { return value }
  if let value = try node.float("value_float") {
    return try numberTensor(Double(value), .f32, on: context)
  }
  if let values = try node.floats("value_floats") {
    return try Tensor(values, shape: [values.count])
  }
  if let value = try node.int("value_int") {
    return try int64Tensor([value], axes: [], on: context)
  }
  if let values = try node.ints("value_ints") {
    return try int64Tensor(values, axes: [values.count], on: context)
  }
  throw ONNXError.invalid("no numeric value; strings and sparse tensors are not supported")
}

extension Node {
  /// The element type that an attribute names; nil where it is absent.
  ///
  /// - Throws: `ONNXError.invalid` for types that tensors cannot have here.
  func elementType(_ name: String) throws -> DType? {
    guard let code = try int(name) else { return nil }
    guard let type = DType(onnx: code) else {
      throw ONNXError.invalid("element type \(code) of attribute '\(name)' is not supported")
    }
    return type
  }
}

/// start, start + delta ... before limit.
private struct NumberRange: NumericVisitor {
  let operands: [Tensor]
  let context: OperatorContext

  func visit<T: NumericElement>(_ type: T.Type) throws -> Tensor {
    let numbers = operands.map { $0.pointer.load(as: T.self) }
    let (start, delta) = (numbers[0], numbers[2])
    let count = try Self.count(numbers.map(\.asDouble))
    let result = try context.tensor([count], T.dtype)
    let target = result.pointer.assumingMemoryBound(to: T.self)
    for i in 0..<count { target[i] = T.sum(start, T.product(T(clamping: Double(i)), delta)) }
    return result
  }

  private static func count(_ numbers: [Double]) throws -> Int {
    let count = ((numbers[1] - numbers[0]) / numbers[2]).rounded(.up)
    guard count < 0x1p62, !numbers[2].isZero else {
      throw ONNXError.invalid(
        "no range from \(numbers[0]) to \(numbers[1]) in steps of \(numbers[2])")
    }
    return count > 0 ? Int(count) : 0
  }
}
