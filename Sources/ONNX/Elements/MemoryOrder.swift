import TensorCore

// Functions of single elements do not mind where these lie: they run in memory order, and their
// result is laid out as the operand is.

/// `f` of a row-major tensor with the elements in the order in which they lie, as a view with the
/// operand's axes.
///
/// - Parameter f: keeps the shape.
func inMemoryOrder(
  of x: Tensor, on context: OperatorContext, _ f: (Tensor) throws -> Tensor
) throws -> Tensor {
  guard !x.isContiguous, let order = x.denseOrder else {
    return try f(materialized(x, on: context))
  }
  return try f(x.permuted(order)).permuted(inverse(of: order))
}

/// `f` of operands whose axes are in the order in which those of the first one lie that has the
/// result's shape, as a view with the axes as they were.
///
/// - Parameter f: broadcasts its operands, which may be views.
/// - Throws: `ONNXError.invalid` where the shapes do not fit.
func inMemoryOrder(
  of operands: [Tensor], _ f: ([Tensor]) throws -> Tensor
) throws -> Tensor {
  if operands.allSatisfy(\.isContiguous) { return try f(operands) }
  let shape = try Broadcasting.joinedShape(of: operands.map(\.shape))
  let leader = operands.first { $0.shape == shape && $0.denseOrder != nil }
  guard let order = leader?.denseOrder else { return try f(operands) }
  return try f(operands.map { $0.withRank(shape.rank).permuted(order) })
    .permuted(inverse(of: order))
}

/// The order of axes that undoes an order of axes.
func inverse(of order: [Int]) -> [Int] {
  order.indices.sorted { order[$0] < order[$1] }
}

extension Tensor {
  /// A view with leading axes of size 1.
  fileprivate func withRank(_ rank: Int) -> Tensor {
    let missing = rank - shape.rank
    return Tensor(
      storage: storage, dtype: dtype,
      shape: Shape([Int](repeating: 1, count: missing) + shape.axes),
      strides: [Int](repeating: 0, count: missing) + strides, byteOffset: byteOffset)
  }

  /// The same bytes as elements of another type of the same size.
  func reinterpreted(as type: DType) -> Tensor {
    precondition(type.byteCount == dtype.byteCount, "sizes of \(type) and \(dtype) differ")
    return Tensor(
      storage: storage, dtype: type, shape: shape, strides: strides, byteOffset: byteOffset)
  }
}
