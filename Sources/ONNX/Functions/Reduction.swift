import TensorCore

/// What is made of the numbers along some axes.
enum Reduction: CaseIterable, Sendable {
  case sum, mean, product, smallest, largest, l1, l2, squares, logSum, logSumExp
}

/// Reduces a tensor along axes; those without elements give the function's value of nothing.
///
/// - Parameters:
///   - x: numbers; truth values only for the smallest and the largest.
///   - axes: ascending, distinct, not negative.
/// - Returns: of the operand's type, the axes kept with size 1 where asked for. Sums of floats are
///   taken in float64 and rounded once.
func reduced(
  _ x: Tensor, axes: [Int], keepsAxes: Bool, by reduction: Reduction, on context: OperatorContext
) throws -> Tensor {
  if x.dtype == .bool, reduction == .smallest || reduction == .largest {
    let bytes = try reduced(
      x.contiguous().reinterpreted(as: .u8), axes: axes, keepsAxes: keepsAxes, by: reduction,
      on: context)
    return bytes.reinterpreted(as: .bool)
  }
  let sizes = x.shape.axes.indices.map { axes.contains($0) ? 1 : x.shape[$0] }
  let kept = x.shape.axes.indices.filter { !axes.contains($0) }
  let resultAxes = keepsAxes ? sizes : kept.map { x.shape[$0] }
  let (operand, layout) = try reducible(x, axes: axes, kept: kept, on: context)
  let numbers = try operand.converted(to: x.dtype.arithmeticType, on: context.compute)
  let y = try context.tensor(resultAxes, numbers.dtype)
  try numbers.dtype.dispatch(
    ReduceLines(reduction: reduction, x: numbers, y: y, layout: layout, context: context))
  return try y.converted(to: x.dtype, on: context.compute)
}

/// The operand as `[outer, length, inner]` with everything that is reduced in the middle.
private func reducible(
  _ x: Tensor, axes: [Int], kept: [Int], on context: OperatorContext
) throws -> (Tensor, AxisLayout) {
  guard let first = axes.first, let last = axes.last else {
    let x = try materialized(x, on: context)
    return (x, AxisLayout(Shape([x.count, 1]), axis: 1))
  }
  // Axes of size 1 in between do no harm.
  if (first...last).allSatisfy({ axes.contains($0) || x.shape[$0] == 1 }) {
    return (try materialized(x, on: context), AxisLayout(x.shape, axes: first..<last + 1))
  }
  let turned = try materialized(x.permuted(kept + axes), on: context)
  return (turned, AxisLayout(turned.shape, axes: kept.count..<x.shape.rank))
}

/// The loops over one type.
private struct ReduceLines: NumericVisitor {
  let reduction: Reduction
  let x: Tensor
  let y: Tensor
  let layout: AxisLayout
  let context: OperatorContext

  func visit<T: NumericElement>(_ type: T.Type) {
    let count = layout.length
    switch reduction {
    case .sum: fold(T.Sum.zero, T.Sum.sum, { T(sum: $0) }, lift: { (x: T) in x.asSum })
    case .mean:
      fold(T.Sum.zero, T.Sum.sum, { T(sum: $0, over: count) }, lift: { (x: T) in x.asSum })
    case .product: fold(T.Sum.one, T.Sum.product, { T(sum: $0) }, lift: { (x: T) in x.asSum })
    case .smallest: fold(T.greatest, T.smaller, { $0 }, lift: { (x: T) in x })
    case .largest: fold(T.least, T.larger, { $0 }, lift: { (x: T) in x })
    case .l1: fold(T.Sum.zero, T.Sum.sum, { T(sum: $0) }, lift: { (x: T) in magnitude(x) })
    case .squares: fold(T.Sum.zero, T.Sum.sum, { T(sum: $0) }, lift: { (x: T) in square(x) })
    case .l2:
      let root = { (sum: T.Sum) in T(clamping: sum.asDouble.squareRoot()) }
      fold(T.Sum.zero, T.Sum.sum, root, lift: { (x: T) in square(x) })
    case .logSum:
      let logarithm = { (sum: T.Sum) in T(clamping: Double.log(sum.asDouble)) }
      fold(T.Sum.zero, T.Sum.sum, logarithm, lift: { (x: T) in x.asSum })
    case .logSumExp: logSumExp(T.self)
    }
  }

  private func magnitude<T: NumericElement>(_ value: T) -> T.Sum {
    value < .zero ? value.asSum.negated : value.asSum
  }

  private func square<T: NumericElement>(_ value: T) -> T.Sum {
    T.Sum.product(value.asSum, value.asSum)
  }

  /// Columns that are reduced side by side where the axis is not the last.
  private static var width: Int { 64 }

  /// Joins the lifted elements of every line to one, in an order that the length alone decides.
  @inline(__always)
  private func fold<T: NumericElement, Part: BitwiseCopyable>(
    _ initial: Part, _ join: (Part, Part) -> Part, _ finish: (Part) -> T, lift: (T) -> Part
  ) {
    let (length, inner) = (layout.length, layout.inner)
    nonisolated(unsafe) let from = x.pointer.assumingMemoryBound(to: T.self)
    nonisolated(unsafe) let to = y.pointer.assumingMemoryBound(to: T.self)
    if inner == 1 {
      context.forEachPiece(of: layout.outer, cost: max(1, length)) { lines in
        for line in lines {
          let row = from + line * length
          var parts = (initial, initial, initial, initial)
          let whole = length & ~3
          for i in stride(from: 0, to: whole, by: 4) {
            parts.0 = join(parts.0, lift(row[i]))
            parts.1 = join(parts.1, lift(row[i + 1]))
            parts.2 = join(parts.2, lift(row[i + 2]))
            parts.3 = join(parts.3, lift(row[i + 3]))
          }
          for i in whole..<length { parts.0 = join(parts.0, lift(row[i])) }
          to[line] = finish(join(join(parts.0, parts.1), join(parts.2, parts.3)))
        }
      }
      return
    }
    let blocks = inner.dividedUp(by: Self.width)
    context.forEachPiece(of: layout.outer * blocks, cost: max(1, length) * min(inner, Self.width)) {
      for piece in $0 {
        let first = piece % blocks * Self.width
        let width = min(Self.width, inner - first)
        let start = from + piece / blocks * length * inner + first
        withUnsafeTemporaryAllocation(of: Part.self, capacity: width) { parts in
          for i in 0..<width { parts[i] = initial }
          for step in 0..<length {
            let row = start + step * inner
            for i in 0..<width { parts[i] = join(parts[i], lift(row[i])) }
          }
          let target = to + piece / blocks * inner + first
          for i in 0..<width { target[i] = finish(parts[i]) }
        }
      }
    }
  }

  /// Powers relative to the largest number do not overflow.
  private func logSumExp<T: NumericElement>(_ type: T.Type) {
    nonisolated(unsafe) let from = x.pointer.assumingMemoryBound(to: T.self)
    nonisolated(unsafe) let to = y.pointer.assumingMemoryBound(to: T.self)
    layout.forEachLine(on: context, cost: 8) { line, start in
      let values = (0..<layout.length).lazy.map { from[start + $0 * layout.inner].asDouble }
      let largest = values.reduce(-Double.infinity) { Double.larger($0, $1) }
      let shift = largest.isFinite ? largest : 0
      let sum = values.reduce(0) { $0 + Double.exp($1 - shift) }
      to[line] = T(clamping: Double.log(sum) + shift)
    }
  }
}
