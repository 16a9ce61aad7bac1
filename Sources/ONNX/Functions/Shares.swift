import TensorCore

/// What becomes of the numbers along an axis, taken together.
enum Share: Sendable {
  /// e^x / sum of e^x.
  case softmax
  /// The logarithm of that.
  case logSoftmax
  /// 1 at the first largest number, 0 elsewhere.
  case hardmax
}

/// Shares along an axis, in the operand's type; halves are computed in float32.
///
/// - Throws: `ONNXError.invalid` for anything but real numbers.
func shares(
  _ share: Share, of x: Tensor, axis: Int, on context: OperatorContext
) throws -> Tensor {
  guard x.dtype.isFloatingPoint else { throw ONNXError.unsupported(x.dtype) }
  let last = x.shape.rank - 1
  if axis != last {
    var order = Array(x.shape.axes.indices)
    order.swapAt(axis, last)
    return try shares(share, of: x.permuted(order), axis: last, on: context).permuted(order)
  }
  let rows = try arithmeticOperand(x, on: context)
  if rows.dtype == .f32, share == .softmax {
    return try rows.softmax(on: context.compute).converted(to: x.dtype, on: context.compute)
  }
  let result = try context.tensor(x.shape.axes, rows.dtype)
  try rows.dtype.dispatch(ShareRows(share: share, x: rows, y: result, context: context))
  return try result.converted(to: x.dtype, on: context.compute)
}

private struct ShareRows: RealVisitor {
  let share: Share
  let x: Tensor
  let y: Tensor
  let context: OperatorContext

  func visit<T: RealElement>(_ type: T.Type) {
    nonisolated(unsafe) let from = x.pointer.assumingMemoryBound(to: T.self)
    nonisolated(unsafe) let to = y.pointer.assumingMemoryBound(to: T.self)
    let layout = AxisLayout(x.shape, axis: x.shape.rank - 1)
    let length = layout.length
    layout.forEachLine(on: context, cost: 8) { _, start in
      let (x, y) = (from + start, to + start)
      let place = (0..<length).reduce(0) { x[$1] > x[$0] ? $1 : $0 }
      if share == .hardmax {
        for i in 0..<length { y[i] = i == place ? 1 : 0 }
        return
      }
      let largest = length > 0 ? x[place] : 0
      var sum = 0.0
      for i in 0..<length {
        y[i] = T.exp(x[i] - largest)
        sum += Double(y[i])
      }
      if share == .softmax {
        for i in 0..<length { y[i] /= T(sum) }
      } else {
        let logarithm = T(Double.log(sum))
        for i in 0..<length { y[i] = x[i] - largest - logarithm }
      }
    }
  }
}

/// Sums of the numbers up to each place along an axis, in the operand's type.
///
/// - Parameters:
///   - exclusive: without the number at the place itself.
///   - reversed: from the end on.
/// - Throws: `ONNXError.invalid` for truth values.
func runningSum(
  of x: Tensor, axis: Int, exclusive: Bool, reversed: Bool, on context: OperatorContext
) throws -> Tensor {
  struct Lines: NumericVisitor {
    let x: Tensor
    let y: Tensor
    let layout: AxisLayout
    let exclusive: Bool
    let reversed: Bool
    let context: OperatorContext

    func visit<T: NumericElement>(_ type: T.Type) {
      nonisolated(unsafe) let from = x.pointer.assumingMemoryBound(to: T.self)
      nonisolated(unsafe) let to = y.pointer.assumingMemoryBound(to: T.self)
      layout.forEachLine(on: context) { _, start in
        var sum = T.Sum.zero
        for step in 0..<layout.length {
          let place = start + (reversed ? layout.length - 1 - step : step) * layout.inner
          if exclusive { to[place] = T(sum: sum) }
          sum = T.Sum.sum(sum, from[place].asSum)
          if !exclusive { to[place] = T(sum: sum) }
        }
      }
    }
  }
  let numbers = try arithmeticOperand(x, on: context)
  let result = try context.tensor(x.shape.axes, numbers.dtype)
  try numbers.dtype.dispatch(
    Lines(
      x: numbers, y: result, layout: AxisLayout(x.shape, axis: axis), exclusive: exclusive,
      reversed: reversed, context: context))
  return try result.converted(to: x.dtype, on: context.compute)
}
