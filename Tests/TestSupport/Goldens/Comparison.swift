import TensorCore

/// Element-wise comparison of two lists of the same length.
package struct Comparison {
  /// What is wrong, nil where nothing is.
  package let failure: String?

  /// - Parameter shape: to name the place of the worst element by; its row-major position where nil.
  package init(
    _ got: [Float], _ want: [Float], shape: Shape? = nil, _ bound: GoldenTolerances.Bound
  ) {
    guard got.count == want.count else {
      failure = "\(got.count) values, expected \(want.count)"
      return
    }
    var squares = 0.0
    var over = 0
    var worst = (excess: -Float.infinity, index: 0)
    for index in got.indices {
      let isSame = got[index] == want[index] || (got[index].isNaN && want[index].isNaN)
      let error = isSame ? 0 : abs(got[index] - want[index])
      squares += Double(error) * Double(error)
      if let limit = bound.shareOver?.over, !(error <= limit) { over += 1 }
      let excess =
        isSame ? -.infinity : error - (bound.absolute + bound.relative * abs(want[index]))
      // A NaN is the worst of all; the first one stays.
      if !(excess <= worst.excess), !worst.excess.isNaN { worst = (excess, index) }
    }
    let count = max(got.count, 1)
    let rms = Float((squares / Double(count)).squareRoot())
    if let share = bound.shareOver {
      let found = Float(over) / Float(count)
      if found > share.share {
        failure =
          "\(found) of the values are off by more than \(share.over), allowed \(share.share)"
        return
      }
    }
    if !got.isEmpty, !(worst.excess <= 0) {
      let index = worst.index
      let place = shape.map { "\(Self.place(index, in: $0))" } ?? "\(index)"
      failure =
        "value \(place): got \(got[index]), expected \(want[index]), off by "
        + "\(abs(got[index] - want[index])), allowed "
        + "\(bound.absolute + bound.relative * abs(want[index])); rms error \(rms)"
      return
    }
    if let limit = bound.rootMeanSquare, !(rms <= limit) {
      failure = "rms error \(rms), allowed \(limit)"
      return
    }
    failure = nil
  }

  /// Root mean square of the differences, relative to that of the wanted values; NaN and infinities
  /// make it NaN, which passes no bound.
  package static func relativeError(_ got: [Float], _ want: [Float]) -> Double {
    guard got.count == want.count else { return .nan }
    var (errors, squares) = (0.0, 0.0)
    for (got, want) in zip(got, want) {
      let error = Double(got) - Double(want)
      errors += error * error
      squares += Double(want) * Double(want)
    }
    if errors == 0 { return 0 }
    return (errors / squares).squareRoot()
  }

  /// The place of a row-major position along each axis.
  private static func place(_ index: Int, in shape: Shape) -> [Int] {
    zip(shape.axes, shape.rowMajorStrides).map { size, stride in index / stride % size }
  }
}
