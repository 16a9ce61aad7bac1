import TensorCore

extension [Tensor?] {
  /// An operand that must be there.
  ///
  /// - Throws: `ONNXError.invalid`.
  func operand(_ index: Int) throws -> Tensor {
    guard index < count, let value = self[index] else {
      throw ONNXError.invalid("input \(index) is missing")
    }
    return value
  }

  /// An operand that may be left out.
  func optional(_ index: Int) -> Tensor? { index < count ? self[index] : nil }

  /// The numbers of an operand that holds sizes, axes or positions; nil where it is left out.
  ///
  /// - Throws: `ONNXError.invalid` where it is not of whole numbers.
  func integers(_ index: Int) throws -> [Int]? { try optional(index)?.wholeNumbers() }
}

extension Tensor {
  /// The elements as numbers.
  ///
  /// - Throws: `ONNXError.invalid` for anything but whole numbers.
  func wholeNumbers() throws -> [Int] {
    guard !dtype.isFloatingPoint, dtype != .bool else { throw ONNXError.unsupported(dtype) }
    let whole = try converted(to: .i64)
    return withExtendedLifetime(whole) {
      let first = whole.pointer.assumingMemoryBound(to: Int64.self)
      return (0..<count).map { Int(first[$0]) }
    }
  }

  /// The one element, as a number.
  ///
  /// - Throws: `ONNXError.invalid` where it is not one.
  func scalar() throws -> Double {
    guard count == 1 else {
      throw ONNXError.invalid("expected one number, found shape \(shape)")
    }
    let value = try converted(to: .f64)
    return withExtendedLifetime(value) { value.pointer.load(as: Double.self) }
  }

  /// The one element, as a whole number.
  ///
  /// - Throws: `ONNXError.invalid` where it is not one.
  func integer() throws -> Int {
    let values = try wholeNumbers()
    guard values.count == 1 else {
      throw ONNXError.invalid("expected one whole number, found shape \(shape)")
    }
    return values[0]
  }

  /// The same elements under other axes; a copy where no view has them.
  func reshaped(_ axes: [Int], on context: OperatorContext) throws -> Tensor {
    let shape = try Shape(validating: axes)
    return try materialized(self, on: context).reshaped(shape)
  }
}

/// A row-major tensor of whole numbers.
func int64Tensor(_ values: [Int], axes: [Int], on context: OperatorContext) throws -> Tensor {
  let tensor = try context.tensor(axes, .i64)
  let target = tensor.pointer.assumingMemoryBound(to: Int64.self)
  for (index, value) in values.enumerated() { target[index] = Int64(value) }
  return tensor
}
