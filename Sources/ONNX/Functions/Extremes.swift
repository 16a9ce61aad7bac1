import TensorCore

/// Where the largest or smallest number along an axis is: the first or the last of several; a NaN
/// counts as both.
///
/// - Returns: I64, the axis kept with size 1.
/// - Throws: `ONNXError.invalid` for truth values and for an axis without elements.
func placesOfExtremes(
  _ x: Tensor, axis: Int, largest: Bool, takesLast: Bool, on context: OperatorContext
) throws -> Tensor {
  let layout = AxisLayout(x.shape, axis: axis)
  guard layout.length > 0 || layout.lineCount == 0 else {
    throw ONNXError.invalid("axis \(axis) of \(x.shape) has no element to choose")
  }
  var axes = x.shape.axes
  axes[axis] = 1
  let numbers = try arithmeticOperand(x, on: context)
  let places = try context.tensor(axes, .i64)
  try numbers.dtype.dispatch(
    ExtremePlaces(
      x: numbers, places: places, layout: layout, largest: largest, takesLast: takesLast,
      context: context))
  return places
}

private struct ExtremePlaces: NumericVisitor {
  let x: Tensor
  let places: Tensor
  let layout: AxisLayout
  let largest: Bool
  let takesLast: Bool
  let context: OperatorContext

  func visit<T: NumericElement>(_ type: T.Type) {
    nonisolated(unsafe) let from = x.pointer.assumingMemoryBound(to: T.self)
    nonisolated(unsafe) let to = places.pointer.assumingMemoryBound(to: Int64.self)
    let (inner, takesLast, largest) = (layout.inner, takesLast, largest)
    layout.forEachLine(on: context) { line, start in
      var (best, place) = (from[start], 0)
      for i in stride(from: 1, to: layout.length, by: 1) {
        let value = from[start + i * inner]
        let isBetter =
          best.isNotANumber
          ? takesLast && value.isNotANumber
          : value.isNotANumber || (largest ? value > best : value < best)
            || (takesLast && value == best)
        if isBetter { (best, place) = (value, i) }
      }
      to[line] = Int64(place)
    }
  }
}

/// The k largest or smallest numbers along an axis and their places, the best first; of equal ones
/// the first; a NaN counts as the largest.
///
/// - Parameter k: at most the axis's size.
/// - Returns: values of the operand's type, and places in I64.
/// - Throws: `ONNXError.invalid` for truth values and a `k` that is too large.
func best(
  _ k: Int, of x: Tensor, axis: Int, largest: Bool, on context: OperatorContext
) throws -> (values: Tensor, places: Tensor) {
  let layout = AxisLayout(x.shape, axis: axis)
  guard k >= 0, k <= layout.length else {
    throw ONNXError.invalid("\(k) elements of axis \(axis), which has \(layout.length)")
  }
  var axes = x.shape.axes
  axes[axis] = k
  let numbers = try arithmeticOperand(x, on: context)
  let values = try context.tensor(axes, numbers.dtype)
  let places = try context.tensor(axes, .i64)
  try numbers.dtype.dispatch(
    BestLines(
      x: numbers, values: values, places: places, layout: layout, count: k, largest: largest,
      context: context))
  return (try values.converted(to: x.dtype, on: context.compute), places)
}

private struct BestLines: NumericVisitor {
  let x: Tensor
  let values: Tensor
  let places: Tensor
  let layout: AxisLayout
  let count: Int
  let largest: Bool
  let context: OperatorContext

  func visit<T: NumericElement>(_ type: T.Type) {
    nonisolated(unsafe) let from = x.pointer.assumingMemoryBound(to: T.self)
    nonisolated(unsafe) let to = values.pointer.assumingMemoryBound(to: T.self)
    nonisolated(unsafe) let indices = places.pointer.assumingMemoryBound(to: Int64.self)
    let inner = layout.inner
    layout.forEachLine(on: context, cost: 16) { line, start in
      let order = (0..<layout.length).sorted { first, second in
        let (a, b) = (from[start + first * inner], from[start + second * inner])
        if a == b || (a.isNotANumber && b.isNotANumber) { return first < second }
        let isLarger = a.isNotANumber || (!b.isNotANumber && a > b)
        return isLarger == largest
      }
      let target = line / inner * count * inner + line % inner
      for (step, place) in order.prefix(count).enumerated() {
        to[target + step * inner] = from[start + place * inner]
        indices[target + step * inner] = Int64(place)
      }
    }
  }
}
