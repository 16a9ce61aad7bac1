import TensorCore

/// A copy between two views of equal shape, whose strides may be zero or negative.
struct StridedCopy: Sendable {
  /// Axes that cannot be joined, outermost first; never empty.
  private var sizes: [Int] = []
  private var source: [Int] = []
  private var target: [Int] = []

  /// The axis that the source moves along in steps of 1, where the last one is not; then pairs of
  /// it and the last axis are copied in squares, which stay in the cache.
  private var crossing: Int?

  private static let square = 16

  /// - Parameters:
  ///   - shape: no axis is 0.
  ///   - source, target: strides in elements.
  init(shape: [Int], source: [Int], target: [Int]) {
    for axis in shape.indices where shape[axis] != 1 {
      let last = sizes.count - 1
      if last >= 0, self.source[last] == source[axis] * shape[axis],
        self.target[last] == target[axis] * shape[axis]
      {
        sizes[last] *= shape[axis]
        (self.source[last], self.target[last]) = (source[axis], target[axis])
      } else {
        sizes.append(shape[axis])
        self.source.append(source[axis])
        self.target.append(target[axis])
      }
    }
    if sizes.isEmpty { (sizes, self.source, self.target) = ([1], [1], [1]) }
    let last = sizes.count - 1
    if self.source[last] != 1, self.source[last] != 0, self.target[last] == 1 {
      crossing = self.source.dropLast().lastIndex(of: 1)
    }
  }

  /// Where the whole copy is a transposition of a matrix: its rows and columns in the source.
  var transposedMatrix: (rows: Int, columns: Int)? {
    guard sizes.count == 2, source == [1, sizes[0]], target == [sizes[1], 1] else { return nil }
    return (sizes[1], sizes[0])
  }

  /// Copies the words that lie at the strides from the first ones.
  func run<Word: BitwiseCopyable>(
    _ type: Word.Type, from first: UnsafeRawPointer, to result: UnsafeMutableRawPointer,
    on context: OperatorContext
  ) {
    let x = first.assumingMemoryBound(to: Word.self)
    let y = result.assumingMemoryBound(to: Word.self)
    nonisolated(unsafe) let (from, to) = (x, y)
    let last = sizes.count - 1
    let inner = [last] + (crossing.map { [$0] } ?? [])
    let outer = sizes.indices.filter { !inner.contains($0) }
    let blocks = outer.reduce(1) { $0 * sizes[$1] }
    let blockSize = inner.reduce(1) { $0 * sizes[$1] }
    // A block alone may be large: it is cut along its outer axis, a row along itself.
    let cutAxis = crossing ?? last
    let pieceSize = max(Self.square, sizes[cutAxis] * (1 << 14) / max(blockSize, 1 << 14))
    let cuts = sizes[cutAxis].dividedUp(by: pieceSize)
    let blocksInPiece = cuts > 1 ? 1 : max(1, (1 << 14) / blockSize)
    context.compute.pool.forEach(blocks.dividedUp(by: blocksInPiece) * cuts) { piece in
      let begin = piece / cuts * blocksInPiece
      let cut = piece % cuts * pieceSize
      let range = cut..<min(cut + pieceSize, sizes[cutAxis])
      for block in begin..<min(begin + blocksInPiece, blocks) {
        let (sourceStart, targetStart) = starts(of: block, along: outer)
        if let crossing {
          copySquares(
            from + sourceStart, to + targetStart, rows: range, of: crossing, columns: last)
        } else {
          copyRow(from + sourceStart, to + targetStart, range, axis: last)
        }
      }
    }
  }

  private func starts(of block: Int, along axes: [Int]) -> (source: Int, target: Int) {
    var (rest, from, to) = (block, 0, 0)
    for axis in axes.reversed() {
      let index = rest % sizes[axis]
      rest /= sizes[axis]
      from += index * source[axis]
      to += index * target[axis]
    }
    return (from, to)
  }

  private func copyRow<Word: BitwiseCopyable>(
    _ x: UnsafePointer<Word>, _ y: UnsafeMutablePointer<Word>, _ range: Range<Int>, axis: Int
  ) {
    let (from, to) = (source[axis], target[axis])
    switch (from, to) {
    case (1, 1):
      (y + range.lowerBound).update(from: x + range.lowerBound, count: range.count)
    case (0, 1):
      (y + range.lowerBound).update(repeating: x[0], count: range.count)
    default:
      for i in range { y[i * to] = x[i * from] }
    }
  }

  private func copySquares<Word: BitwiseCopyable>(
    _ x: UnsafePointer<Word>, _ y: UnsafeMutablePointer<Word>, rows: Range<Int>, of rowAxis: Int,
    columns columnAxis: Int
  ) {
    let (from, to, square) = (source[columnAxis], target[rowAxis], Self.square)
    let width = sizes[columnAxis]
    for row in stride(from: rows.lowerBound, to: rows.upperBound, by: square) {
      let rowEnd = min(row + square, rows.upperBound)
      for column in stride(from: 0, to: width, by: square) {
        let columnEnd = min(column + square, width)
        for r in row..<rowEnd {
          for c in column..<columnEnd { y[r * to + c] = x[r + c * from] }
        }
      }
    }
  }
}

/// Copies one view into another of the same shape and element size.
func copyElements(from source: Tensor, to target: Tensor, on context: OperatorContext) {
  guard source.count > 0 else { return }
  let copy = StridedCopy(
    shape: source.shape.axes, source: source.strides, target: target.strides)
  struct Run: WordVisitor {
    let copy: StridedCopy
    let source: Tensor
    let target: Tensor
    let context: OperatorContext
    func visit<Word: FixedWidthInteger & BitwiseCopyable & Sendable>(_ type: Word.Type) {
      copy.run(Word.self, from: source.pointer, to: target.pointer, on: context)
    }
  }
  source.dtype.dispatchWords(Run(copy: copy, source: source, target: target, context: context))
}

/// A view's numbers in one piece, in the type that arithmetic on them is done in.
func arithmeticOperand(_ view: Tensor, on context: OperatorContext) throws -> Tensor {
  try materialized(view, on: context)
    .converted(to: view.dtype.arithmeticType, on: context.compute)
}

/// The view itself where it is contiguous, else a row-major copy of it.
///
/// - Throws: `ONNXError.invalid` where it is larger than the memory that is left.
func materialized(_ view: Tensor, on context: OperatorContext) throws -> Tensor {
  if view.isContiguous { return view }
  if view.dtype == .f32 || view.dtype == .bf16 {
    let copy = StridedCopy(
      shape: view.shape.axes, source: view.strides, target: view.shape.rowMajorStrides)
    if let (rows, columns) = copy.transposedMatrix {
      let matrix = Tensor(
        storage: view.storage, dtype: view.dtype, shape: [rows, columns],
        byteOffset: view.byteOffset)
      return try matrix.channelsLast(on: context.compute).reshaped(view.shape)
    }
  }
  let result = try context.tensor(view.shape.axes, view.dtype)
  copyElements(from: view, to: result, on: context)
  return result
}
