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

  /// What a walk tells of a stretch along the last axis: how many elements lie before it, its first
  /// element in each view, and its length.
  typealias Row = (_ start: Int, _ offsets: UnsafePointer<Int>, _ count: Int) -> Void

  /// Runs `row` for stretches along the last axis, on all threads.
  func forEachRow(on context: OperatorContext, _ row: Row) {
    context.forEachPiece(of: count) { piece in forEachRow(in: piece, row) }
  }

  /// Runs `row` for the stretches of a range of the elements, in order.
  func forEachRow(in range: Range<Int>, _ row: Row) {
    if range.isEmpty { return }
    let (rank, views) = (sizes.count, strides.count)
    // Rows may be a few elements long: where the walk is lies in plain memory.
    withUnsafeTemporaryAllocation(of: Int.self, capacity: rank * (views + 2) + views) { memory in
      let base = memory.baseAddress!
      var place = Position(
        rank: rank, views: views, sizes: base, index: base + rank, steps: base + 2 * rank,
        offsets: base + rank * (views + 2))
      place.move(to: range.lowerBound, sizes: sizes, strides: strides)
      var start = range.lowerBound
      while start < range.upperBound {
        let length = min(place.restOfRow, range.upperBound - start)
        row(start, place.offsets, length)
        start += length
        place.advance(by: length)
      }
    }
  }

  /// Where the views are at an element.
  private struct Position {
    let rank: Int
    let views: Int
    let sizes: UnsafeMutablePointer<Int>
    /// Along each axis.
    let index: UnsafeMutablePointer<Int>
    /// `[axes][views]`
    let steps: UnsafeMutablePointer<Int>
    let offsets: UnsafeMutablePointer<Int>

    mutating func move(to element: Int, sizes: [Int], strides: [[Int]]) {
      var rest = element
      for view in 0..<views { offsets[view] = 0 }
      for axis in sizes.indices.reversed() {
        self.sizes[axis] = sizes[axis]
        index[axis] = rest % sizes[axis]
        rest /= sizes[axis]
        for view in 0..<views {
          steps[axis * views + view] = strides[view][axis]
          offsets[view] += index[axis] * strides[view][axis]
        }
      }
    }

    var restOfRow: Int { sizes[rank - 1] - index[rank - 1] }

    /// By at most the rest of the row.
    mutating func advance(by length: Int) {
      var axis = rank - 1
      index[axis] += length
      for view in 0..<views { offsets[view] += length * steps[axis * views + view] }
      while index[axis] == sizes[axis], axis > 0 {
        for view in 0..<views {
          offsets[view] +=
            steps[(axis - 1) * views + view] - sizes[axis] * steps[axis * views + view]
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
