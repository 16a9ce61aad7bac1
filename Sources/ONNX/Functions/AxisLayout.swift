import TensorCore

/// A contiguous tensor seen as `[outer, length, inner]` around one axis, or around several
/// neighbouring ones.
struct AxisLayout: Sendable {
  let outer: Int
  let length: Int
  let inner: Int

  init(_ shape: Shape, axis: Int) { self.init(shape, axes: axis..<axis + 1) }

  /// - Parameter axes: not negative.
  init(_ shape: Shape, axes: Range<Int>) {
    outer = shape.axes[..<axes.lowerBound].reduce(1, *)
    length = shape.axes[axes].reduce(1, *)
    inner = shape.axes[axes.upperBound...].reduce(1, *)
  }

  /// Lines along the axis.
  var lineCount: Int { outer * inner }

  /// Where a line starts; its elements are `inner` apart.
  func start(ofLine line: Int) -> Int { line / inner * length * inner + line % inner }

  /// Runs `body` for every line, on all threads.
  ///
  /// - Parameter cost: of one element, in simple operations.
  func forEachLine(
    on context: OperatorContext, cost: Int = 1, _ body: (_ line: Int, _ start: Int) -> Void
  ) {
    context.forEachPiece(of: lineCount, cost: max(1, length) * cost) { lines in
      for line in lines { body(line, start(ofLine: line)) }
    }
  }
}

extension Shape {
  /// The axis that a number names; negative ones count from the end.
  ///
  /// - Throws: `ONNXError.invalid` where there is none.
  func axis(_ number: Int) throws -> Int {
    let axis = number < 0 ? number + rank : number
    guard axes.indices.contains(axis) else {
      throw ONNXError.invalid("axis \(number) is not one of the \(rank) of \(self)")
    }
    return axis
  }

  /// Several axes, in ascending order.
  ///
  /// - Throws: `ONNXError.invalid` where one is missing or named twice.
  func distinctAxes(_ numbers: [Int]) throws -> [Int] {
    let found = try numbers.map { try axis($0) }.sorted()
    guard Set(found).count == found.count else {
      throw ONNXError.invalid("axes \(numbers) name one axis twice")
    }
    return found
  }
}
