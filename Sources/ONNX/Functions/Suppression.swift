import TensorCore

/// Keeps the best boxes of those that overlap too much (greedy non-maximum suppression).
struct Suppression: Sendable {
  /// Whether a box is [centre x, centre y, width, height] instead of two opposite corners,
  /// [y, x, y, x].
  var isCentred = false
  /// Most boxes that are kept of a class.
  var limit: Int
  /// Of intersection over union, above which the worse box goes.
  var overlap: Float
  /// Boxes that score no more are never kept; nil keeps any.
  var leastScore: Float?

  /// - Parameters:
  ///   - boxes: `[batches, boxes, 4]`.
  ///   - scores: `[batches, classes, boxes]`.
  /// - Returns: batch, class and box of each that is kept, in that order, the best of a class first.
  /// - Throws: `ONNXError.invalid` where the shapes do not fit.
  func chosen(boxes: Tensor, scores: Tensor, on context: OperatorContext) throws -> [[Int]] {
    guard boxes.shape.rank == 3, scores.shape.rank == 3, boxes.shape[2] == 4,
      boxes.shape[0] == scores.shape[0], boxes.shape[1] == scores.shape[2]
    else {
      throw ONNXError.invalid("boxes \(boxes.shape) and scores \(scores.shape) do not fit")
    }
    guard limit > 0 else { return [] }
    let corners = try boxes.floats(on: context.compute)
    let values = try scores.floats(on: context.compute)
    let (batches, classes, count) = (scores.shape[0], scores.shape[1], boxes.shape[1])
    var result: [[Int]] = []
    for batch in 0..<batches {
      let rectangles = (0..<count).map { rectangle(corners, at: (batch * count + $0) * 4) }
      for number in 0..<classes {
        let first = (batch * classes + number) * count
        result += kept(rectangles, scores: values[first..<first + count])
          .map { [batch, number, $0] }
      }
    }
    return result
  }

  private struct Rectangle {
    let top: Float, left: Float, bottom: Float, right: Float

    var area: Float { (bottom - top) * (right - left) }

    func overlap(with other: Rectangle) -> Float {
      let height = min(bottom, other.bottom) - max(top, other.top)
      let width = min(right, other.right) - max(left, other.left)
      guard height > 0, width > 0 else { return 0 }
      let shared = height * width
      return shared / (area + other.area - shared)
    }
  }

  private func rectangle(_ numbers: [Float], at start: Int) -> Rectangle {
    let (a, b, c, d) = (
      numbers[start], numbers[start + 1], numbers[start + 2], numbers[start + 3]
    )
    if isCentred {
      return Rectangle(top: b - d / 2, left: a - c / 2, bottom: b + d / 2, right: a + c / 2)
    }
    return Rectangle(top: min(a, c), left: min(b, d), bottom: max(a, c), right: max(b, d))
  }

  private func kept(_ boxes: [Rectangle], scores: ArraySlice<Float>) -> [Int] {
    let base = scores.startIndex
    let candidates = boxes.indices
      .filter { index in leastScore.map { scores[base + index] > $0 } ?? true }
      .sorted { first, second in
        let (a, b) = (scores[base + first], scores[base + second])
        // Any order, but a strict one: NaN comes last.
        if a == b || (a.isNaN && b.isNaN) { return first < second }
        return b.isNaN || a > b
      }
    var kept: [Int] = []
    for candidate in candidates {
      if kept.count >= limit { break }
      if kept.allSatisfy({ boxes[$0].overlap(with: boxes[candidate]) <= overlap }) {
        kept.append(candidate)
      }
    }
    return kept
  }
}
