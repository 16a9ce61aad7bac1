import TensorCore

/// A walk over the elements of a shape in row-major order, which tells where several views of that
/// shape are.
struct StridedWalk: Sendable {
  /// Outermost first; never empty.
  let sizes: [Int]

  /// For each view: elements between neighbours along each axis.
  let strides: [[Int]]

  init(sizes: [Int], strides: [[Int]]) {
    self.sizes = sizes.isEmpty ? [1] : sizes
    self.strides = sizes.isEmpty ? strides.map { _ in [0] } : strides
  }

  /// Elements of the shape.
  var count: Int { sizes.reduce(1, *) }

  /// Elements from one to the next along a row, for each view.
  var rowSteps: [Int] { strides.map { $0[sizes.count - 1] } }

  /// Runs `row` for stretches along the last axis, on all threads.
  ///
  /// - Parameter row: takes how many elements lie before the stretch, its first element in each
  ///   view, and its length.
  func forEachRow(on context: OperatorContext, _ row: (Int, [Int], Int) -> Void) {
    context.forEachPiece(of: count) { piece in forEachRow(in: piece, row) }
  }

  /// Runs `row` for the stretches of a range of the elements, in order.
  func forEachRow(in range: Range<Int>, _ row: (Int, [Int], Int) -> Void) {
    if range.isEmpty { return }
    var place = Position(range.lowerBound, sizes: sizes, strides: strides)
    var start = range.lowerBound
    while start < range.upperBound {
      let length = min(place.restOfRow, range.upperBound - start)
      row(start, place.offsets, length)
      start += length
      place.advance(by: length)
    }
  }

  /// Where the views are at an element.
  private struct Position {
    let sizes: [Int]
    let strides: [[Int]]
    var index: [Int]
    var offsets: [Int]

    init(_ element: Int, sizes: [Int], strides: [[Int]]) {
      self.sizes = sizes
      self.strides = strides
      index = [Int](repeating: 0, count: sizes.count)
      offsets = [Int](repeating: 0, count: strides.count)
      var rest = element
      for axis in sizes.indices.reversed() {
        index[axis] = rest % sizes[axis]
        rest /= sizes[axis]
        for view in strides.indices { offsets[view] += index[axis] * strides[view][axis] }
      }
    }

    var restOfRow: Int { sizes[sizes.count - 1] - index[sizes.count - 1] }

    /// By at most the rest of the row.
    mutating func advance(by length: Int) {
      var axis = sizes.count - 1
      index[axis] += length
      for view in offsets.indices { offsets[view] += length * strides[view][axis] }
      while index[axis] == sizes[axis], axis > 0 {
        for view in offsets.indices {
          offsets[view] += strides[view][axis - 1] - sizes[axis] * strides[view][axis]
        }
        index[axis] = 0
        axis -= 1
        index[axis] += 1
      }
    }
  }
}

extension OperatorContext {
  /// Runs `body` for pieces of 0 ..< count that are worth a thread, the same for any number of
  /// threads.
  ///
  /// - Parameter cost: of each, in simple operations on an element.
  func forEachPiece(of count: Int, cost: Int = 1, _ body: (Range<Int>) -> Void) {
    let length = max(1, (1 << 14) / max(1, cost))
    compute.pool.forEach(count.dividedUp(by: length)) { piece in
      body(piece * length..<min((piece + 1) * length, count))
    }
  }
}
