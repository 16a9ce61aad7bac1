import TensorCore

extension Tensor {
  /// Every `step`-th element of an axis from `start` on, before (or, backwards, after) `end`; places
  /// outside are moved to the axis's ends, as NumPy does.
  ///
  /// - Returns: a view.
  /// - Throws: `ONNXError.invalid` for a step of 0.
  func strided(from start: Int, to end: Int, by step: Int, axis: Int) throws -> Tensor {
    guard step != 0 else { throw ONNXError.invalid("a step of 0") }
    let size = shape[axis]
    let limits = step > 0 ? 0...size : -1...size - 1
    func place(_ number: Int) -> Int {
      let place = number < 0 ? number + size : number
      return min(max(place, limits.lowerBound), limits.upperBound)
    }
    let (first, last) = (place(start), place(end))
    let distance = step > 0 ? last - first : first - last
    let count = distance <= 0 ? 0 : (distance - 1) / Int(min(step.magnitude, UInt(Int.max))) + 1
    var (axes, strides) = (shape.axes, strides)
    axes[axis] = count
    // With one element or none the stride is never taken; it might overflow.
    let offset = count == 0 ? 0 : first * strides[axis] * dtype.byteCount
    if count > 1 { strides[axis] *= step }
    return Tensor(
      storage: storage, dtype: dtype, shape: Shape(axes), strides: strides,
      byteOffset: byteOffset + offset)
  }
}

/// Tensors one after the other along an axis; laid out as the first one is.
///
/// - Throws: `ONNXError.invalid` where types or other axes differ.
func joined(_ parts: [Tensor], axis: Int, on context: OperatorContext) throws -> Tensor {
  let model = parts[0]
  var axes = model.shape.axes
  axes[axis] = 0
  for part in parts {
    var others = part.shape.axes
    guard part.dtype == model.dtype, others.count == axes.count else {
      throw ONNXError.invalid(
        "\(part.dtype.rawValue) \(part.shape) cannot be joined to \(model.dtype.rawValue) "
          + "\(model.shape)")
    }
    let (sum, overflow) = axes[axis].addingReportingOverflow(others[axis])
    others[axis] = axes[axis]
    guard others == axes, !overflow else {
      throw ONNXError.invalid("\(part.shape) cannot be joined to \(model.shape) along axis \(axis)")
    }
    axes[axis] = sum
  }
  let order = model.denseOrder ?? Array(axes.indices)
  let memory = try context.tensor(order.map { axes[$0] }, model.dtype)
  let result = memory.permuted(inverse(of: order))
  var start = 0
  for part in parts {
    let end = start + part.shape[axis]
    copyElements(from: part, to: result.sliced(start..<end, axis: axis), on: context)
    start = end
  }
  return result
}

/// The tensor repeated along each axis.
///
/// - Throws: `ONNXError.invalid` where the counts do not fit the axes or are negative.
func tiled(_ x: Tensor, _ repeats: [Int], on context: OperatorContext) throws -> Tensor {
  guard repeats.count == x.shape.rank, repeats.allSatisfy({ $0 >= 0 }) else {
    throw ONNXError.invalid("repeats \(repeats) of shape \(x.shape)")
  }
  let axes = try zip(x.shape.axes, repeats).map { size, count in
    let (product, overflow) = size.multipliedReportingOverflow(by: count)
    guard !overflow else { throw ONNXError.invalid("repeats \(repeats) of shape \(x.shape)") }
    return product
  }
  let result = try context.tensor(axes, x.dtype)
  if result.count == 0 { return result }
  // Both as [repeat, size, repeat, size ...], the operand standing still along repeats.
  let pairs = Shape(zip(repeats, x.shape.axes).flatMap { [$0, $1] })
  let source = Tensor(
    storage: x.storage, dtype: x.dtype, shape: pairs, strides: x.strides.flatMap { [0, $0] },
    byteOffset: x.byteOffset)
  copyElements(from: source, to: try result.reshaped(pairs), on: context)
  return result
}

/// What stands in margins.
enum Filling: String, Sendable {
  case constant
  /// The elements mirrored at the first and the last, which do not come twice.
  case reflect
  /// The first and the last element.
  case edge
  /// The elements from the other end.
  case wrap

  /// The element that stands at a place before or after an axis.
  fileprivate func source(of place: Int, size: Int) -> Int {
    switch self {
    case .constant: return place
    case .edge: return min(max(place, 0), size - 1)
    case .wrap: return place.modulo(size)
    case .reflect:
      if size == 1 { return 0 }
      let period = 2 * (size - 1)
      let phase = place.modulo(period)
      return phase < size ? phase : period - phase
    }
  }
}

extension Int {
  /// The remainder that is not negative.
  fileprivate func modulo(_ size: Int) -> Int {
    let rest = self % size
    return rest < 0 ? rest + size : rest
  }
}

/// The tensor with margins round it; negative ones cut elements off.
///
/// - Parameters:
///   - margins: before and after each axis.
///   - value: for constant margins, one element of the tensor's type.
/// - Throws: `ONNXError.invalid` where margins cut off more than there is or have nothing to repeat.
func padded(
  _ x: Tensor, by margins: [(before: Int, after: Int)], _ filling: Filling, value: Tensor,
  on context: OperatorContext
) throws -> Tensor {
  let failure = ONNXError.invalid("pads \(margins) of shape \(x.shape)")
  var axes: [Int] = []
  for (size, margin) in zip(x.shape.axes, margins) {
    let (some, first) = size.addingReportingOverflow(margin.before)
    let (all, second) = some.addingReportingOverflow(margin.after)
    guard !first, !second, all >= 0, margin.before > Int.min / 2, margin.after > Int.min / 2,
      filling == .constant || size > 0 || all == 0
    else { throw failure }
    axes.append(all)
  }
  if filling != .constant {
    var result = try context.tensor(axes, x.dtype)  // or the news that it is too large
    if result.count == 0 { return result }
    result = x
    for (axis, margin) in margins.enumerated() where margin != (0, 0) {
      let places = (0..<axes[axis]).map {
        filling.source(of: $0 - margin.before, size: x.shape[axis])
      }
      result = try gathered(result, places, axis: axis, on: context)
    }
    return result
  }
  guard value.count == 1, value.dtype == x.dtype else {
    throw ONNXError.invalid("a constant of \(value.dtype.rawValue) for \(x.dtype.rawValue)")
  }
  let scalar = try value.reshaped([])
  let order = x.denseOrder ?? Array(axes.indices)
  let result = try context.tensor(order.map { axes[$0] }, x.dtype)
  copyElements(from: scalar.expanded(to: result.shape), to: result, on: context)
  var (source, target) = (x, result.permuted(inverse(of: order)))
  for (axis, margin) in margins.enumerated() {
    let size = x.shape[axis]
    let (first, end) = (max(0, -margin.before), size - max(0, -margin.after))
    // Margins may cut off everything, and leave a place that the elements do not reach.
    guard first < end else { return result.permuted(inverse(of: order)) }
    source = source.sliced(first..<end, axis: axis)
    let start = max(0, margin.before)
    target = target.sliced(start..<start + end - first, axis: axis)
  }
  copyElements(from: source, to: target, on: context)
  return result.permuted(inverse(of: order))
}

/// The elements on one side of a diagonal of the last two axes, zeros on the other.
///
/// - Parameter diagonal: 0 is the main one, positive ones lie above.
/// - Throws: `ONNXError.invalid` where there are no two axes.
func triangle(
  _ x: Tensor, _ diagonal: Int, isUpper: Bool, on context: OperatorContext
) throws -> Tensor {
  guard x.shape.rank >= 2 else { throw ONNXError.invalid("\(x.shape) has no two axes") }
  let (rows, columns) = (x.shape[-2], x.shape[-1])
  let source = try materialized(x, on: context)
  let result = try context.tensor(x.shape.axes, x.dtype)
  let size = x.dtype.byteCount
  context.forEachPiece(of: rows * columns == 0 ? 0 : x.count / columns, cost: columns) { range in
    for row in range {
      // The first element on or above the diagonal; below it for the lower triangle.
      let number = row % rows
      let (sum, overflow) = number.addingReportingOverflow(diagonal)
      let first = overflow ? (diagonal < 0 ? 0 : columns) : min(max(sum, 0), columns)
      let after = overflow ? first : min(max(sum == .max ? sum : sum + 1, 0), columns)
      let kept = isUpper ? first..<columns : 0..<after
      let from = source.pointer + row * columns * size
      let to = result.pointer + row * columns * size
      to.initializeMemory(as: UInt8.self, repeating: 0, count: columns * size)
      (to + kept.lowerBound * size).copyMemory(
        from: from + kept.lowerBound * size, byteCount: kept.count * size)
    }
  }
  return result
}
