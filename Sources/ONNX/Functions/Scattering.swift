import TensorCore

/// A copy of a tensor with blocks of updates written to places in it, in order.
///
/// - Parameters:
///   - starts: for each block of updates the first element that it is written to.
///   - joining: of the element that is there and the update; nil takes the update.
/// - Throws: `ONNXError.invalid` where the types differ or cannot be joined.
func scattered(
  _ updates: Tensor, to starts: [Int], length: Int, over x: Tensor, by joining: Arithmetic?,
  on context: OperatorContext
) throws -> Tensor {
  try requireSameType(x, updates)
  let source = try materialized(updates, on: context)
  let result = try context.tensor(x.shape.axes, x.dtype)
  copyElements(from: x, to: result, on: context)
  guard length > 0, let joining else {
    x.dtype.dispatchWords(
      ReplaceBlocks(updates: source, result: result, starts: starts, length: length))
    return result
  }
  let type = x.dtype.arithmeticType
  let (wide, wideUpdates) = (
    try result.converted(to: type, on: context.compute),
    try source.converted(to: type, on: context.compute)
  )
  let row = try type.dispatch(ArithmeticRow(arithmetic: joining))
  let size = type.byteCount
  for (block, start) in starts.enumerated() {
    let target = wide.pointer + start * size
    row(
      target, (UnsafeRawPointer(target), 1),
      (UnsafeRawPointer(wideUpdates.pointer + block * length * size), 1), length)
  }
  return try wide.converted(to: x.dtype, on: context.compute)
}

private struct ReplaceBlocks: WordVisitor {
  let updates: Tensor
  let result: Tensor
  let starts: [Int]
  let length: Int

  func visit<Word: FixedWidthInteger & BitwiseCopyable & Sendable>(_ type: Word.Type) {
    let from = updates.pointer.assumingMemoryBound(to: Word.self)
    let to = result.pointer.assumingMemoryBound(to: Word.self)
    for (block, start) in starts.enumerated() {
      (to + start).update(from: from + block * length, count: length)
    }
  }
}

/// One of two values everywhere, the second where an index names the place along the new axis;
/// indices outside name none.
///
/// - Parameter values: [off, on].
/// - Throws: `ONNXError.invalid` where the result is too large.
func oneHot(
  _ indices: Tensor, depth: Int, axis: Int, values: Tensor, on context: OperatorContext
) throws -> Tensor {
  var axes = indices.shape.axes
  axes.insert(depth, at: axis)
  let result = try context.tensor(axes, values.dtype)
  let pair = try materialized(values, on: context)
  copyElements(
    from: try pair.sliced(0..<1).reshaped([]).expanded(to: result.shape), to: result, on: context)
  let numbers = try indices.converted(to: .i64, on: context.compute).wholeNumbers()
  let layout = AxisLayout(result.shape, axis: axis)
  let size = values.dtype.byteCount
  for (line, number) in numbers.enumerated() where number >= -depth && number < depth {
    let place = number < 0 ? number + depth : number
    let element = layout.start(ofLine: line) + place * layout.inner
    (result.pointer + element * size).copyMemory(from: pair.pointer + size, byteCount: size)
  }
  return result
}
