import TensorCore

/// f of each element of a stretch: result, operand, count.
typealias UnaryRow = @Sendable (UnsafeMutableRawPointer, UnsafeRawPointer, Int) -> Void

/// An operand of a stretch: its first element, and elements from one to the next.
typealias RowOperand = (start: UnsafeRawPointer, step: Int)

/// f of each pair of elements of a stretch: result, operands, count.
typealias BinaryRow = @Sendable (UnsafeMutableRawPointer, RowOperand, RowOperand, Int) -> Void

/// Makes the loop over a stretch. Inlined, so that the function's body lies in the loop.
@inline(__always)
func unaryRow<X: Element, Y: Element>(_ f: @escaping @Sendable (X) -> Y) -> UnaryRow {
  { result, operand, count in
    let y = result.assumingMemoryBound(to: Y.self)
    let x = operand.assumingMemoryBound(to: X.self)
    for i in 0..<count { y[i] = f(x[i]) }
  }
}

/// Makes the loops over a stretch, one for each way that operands repeat.
@inline(__always)
func binaryRow<A: Element, B: Element, Y: Element>(
  _ f: @escaping @Sendable (A, B) -> Y
) -> BinaryRow {
  { result, first, second, count in
    let y = result.assumingMemoryBound(to: Y.self)
    let a = first.start.assumingMemoryBound(to: A.self)
    let b = second.start.assumingMemoryBound(to: B.self)
    switch (first.step, second.step) {
    case (0, 0):
      let value = f(a[0], b[0])
      for i in 0..<count { y[i] = value }
    case (0, 1):
      let a = a[0]
      for i in 0..<count { y[i] = f(a, b[i]) }
    case (1, 0):
      let b = b[0]
      for i in 0..<count { y[i] = f(a[i], b) }
    case (1, 1):
      for i in 0..<count { y[i] = f(a[i], b[i]) }
    default:
      for i in 0..<count { y[i] = f(a[i * first.step], b[i * second.step]) }
    }
  }
}

/// f of every element.
///
/// - Parameter type: of the result; nil is the operand's.
func mapElements(
  of x: Tensor, to type: DType? = nil, on context: OperatorContext, _ row: UnaryRow
) throws -> Tensor {
  let x = try materialized(x, on: context)
  let y = try context.tensor(x.shape.axes, type ?? x.dtype)
  context.forEachPiece(of: x.count) { piece in
    row(
      y.pointer + piece.lowerBound * y.dtype.byteCount,
      x.pointer + piece.lowerBound * x.dtype.byteCount, piece.count)
  }
  return y
}

/// f of every pair of elements, broadcast together.
///
/// - Parameter type: of the result.
/// - Throws: `ONNXError.invalid` where the shapes do not fit.
func combineElements(
  _ a: Tensor, _ b: Tensor, to type: DType, on context: OperatorContext, _ row: BinaryRow
) throws -> Tensor {
  let plan = try Broadcasting([a, b])
  let y = try context.tensor(plan.shape.axes, type)
  let walk = plan.walk
  let steps = walk.rowSteps
  walk.forEachRow(on: context) { start, offsets, count in
    row(
      y.pointer + start * y.dtype.byteCount,
      (UnsafeRawPointer(a.pointer + offsets[0] * a.dtype.byteCount), steps[0]),
      (UnsafeRawPointer(b.pointer + offsets[1] * b.dtype.byteCount), steps[1]), count)
  }
  return y
}
