import TensorCore

/// Elements at places along an axis, one after the other.
///
/// - Parameter places: inside the axis.
func gathered(
  _ x: Tensor, _ places: [Int], axis: Int, on context: OperatorContext
) throws -> Tensor {
  let layout = AxisLayout(x.shape, axis: axis)
  var axes = x.shape.axes
  axes[axis] = places.count
  let source = try materialized(x, on: context)
  let result = try context.tensor(axes, x.dtype)
  x.dtype.dispatchWords(
    BlockMove(
      source: source, result: result, count: layout.outer * places.count, length: layout.inner,
      context: context
    ) { block in
      let (outer, number) = (block / places.count, block % places.count)
      return (outer * layout.length + places[number]) * layout.inner
    })
  return result
}

/// Blocks of elements that lie one after the other in the result and somewhere in the source.
struct BlockMove: WordVisitor {
  let source: Tensor
  let result: Tensor
  let count: Int
  let length: Int
  let context: OperatorContext
  /// The first element of a block in the source.
  let start: @Sendable (Int) -> Int

  init(
    source: Tensor, result: Tensor, count: Int, length: Int, context: OperatorContext,
    start: @escaping @Sendable (Int) -> Int
  ) {
    self.source = source
    self.result = result
    self.count = count
    self.length = length
    self.context = context
    self.start = start
  }

  func visit<Word: FixedWidthInteger & BitwiseCopyable & Sendable>(_ type: Word.Type) {
    nonisolated(unsafe) let from = source.pointer.assumingMemoryBound(to: Word.self)
    nonisolated(unsafe) let to = result.pointer.assumingMemoryBound(to: Word.self)
    if length == 0 { return }
    context.forEachPiece(of: count, cost: length) { blocks in
      for block in blocks {
        if length == 1 {
          to[block] = from[start(block)]
        } else {
          (to + block * length).update(from: from + start(block), count: length)
        }
      }
    }
  }
}

/// Places along an axis, counted from 0.
///
/// - Throws: `ONNXError.invalid` where one lies outside; negative ones count from the end.
func positions(_ indices: Tensor, size: Int) throws -> [Int] {
  let numbers = try indices.wholeNumbers()
  return try numbers.map { number in
    guard number >= -size, number < size else {
      throw ONNXError.invalid("index \(number) is outside of \(size) elements")
    }
    return number < 0 ? number + size : number
  }
}

/// For each element of `indices` the number of the element in a row-major tensor that has the same
/// place but along `axis`, where `indices` tells it.
///
/// - Throws: `ONNXError.invalid` where a place lies outside.
func elementNumbers(
  _ indices: Tensor, in shape: Shape, axis: Int
) throws -> [Int] {
  guard indices.shape.rank == shape.rank,
    indices.shape.axes.indices.allSatisfy({ $0 == axis || indices.shape[$0] <= shape[$0] })
  else { throw ONNXError.invalid("indices \(indices.shape) do not fit into \(shape)") }
  var numbers = try positions(indices, size: shape[axis])
  var strides = shape.rowMajorStrides
  let along = strides[axis]
  strides[axis] = 0
  let walk = StridedWalk(sizes: indices.shape.axes, strides: [strides])
  let step = walk.rowSteps[0]
  walk.forEachRow(in: 0..<numbers.count) { start, offsets, count in
    for i in 0..<count {
      numbers[start + i] = numbers[start + i] * along + offsets[0] + i * step
    }
  }
  return numbers
}

/// For each index tuple (the last axis of `indices`) the first element of the block that it names in
/// a row-major tensor, after leading axes that both share.
///
/// - Throws: `ONNXError.invalid` where a place lies outside or the shapes do not fit.
func blockStarts(
  _ indices: Tensor, in shape: Shape, batchAxes: Int
) throws -> [Int] {
  guard indices.shape.rank >= 1, batchAxes >= 0,
    batchAxes < min(indices.shape.rank, max(shape.rank, 1)),
    indices.shape[-1] <= shape.rank - batchAxes,
    indices.shape.axes[..<batchAxes].elementsEqual(shape.axes[..<batchAxes])
  else {
    throw ONNXError.invalid(
      "indices \(indices.shape) with \(batchAxes) shared axes do not fit \(shape)")
  }
  let numbers = try indices.wholeNumbers()
  let (width, strides) = (indices.shape[-1], shape.rowMajorStrides)
  let tuples = indices.shape.axes.dropLast().reduce(1, *)
  let batches = shape.axes[..<batchAxes].reduce(1, *)
  let blockOfBatch = shape.axes[batchAxes...].reduce(1, *)
  return try (0..<tuples).map { tuple in
    var start = batches == 0 ? 0 : tuple / (tuples / batches) * blockOfBatch
    for position in 0..<width {
      let (number, size) = (numbers[tuple * width + position], shape[batchAxes + position])
      guard number >= -size, number < size else {
        throw ONNXError.invalid("index \(number) is outside of \(size) elements")
      }
      start += (number < 0 ? number + size : number) * strides[batchAxes + position]
    }
    return start
  }
}
