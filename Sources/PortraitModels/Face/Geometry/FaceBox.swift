/// A rectangle round a face, in pixels of the frame: whole numbers are the centres of pixels, as in
/// `AffineMatrix`.
package struct FaceBox: Sendable, Equatable {
  package var left: Double
  package var top: Double
  package var right: Double
  package var bottom: Double

  package init(left: Double, top: Double, right: Double, bottom: Double) {
    self.left = left
    self.top = top
    self.right = right
    self.bottom = bottom
  }

  /// The extent of points, of which there is one at least.
  package init(enclosing points: [SIMD2<Double>]) {
    var low = points[0]
    var high = points[0]
    for point in points.dropFirst() {
      low = pointwiseMin(low, point)
      high = pointwiseMax(high, point)
    }
    self.init(left: low.x, top: low.y, right: high.x, bottom: high.y)
  }

  package var width: Double { right - left }
  package var height: Double { bottom - top }
  package var longerSide: Double { max(width, height) }
  package var shorterSide: Double { min(width, height) }
  package var area: Double { width * height }
  package var diagonal: Double { (width * width + height * height).squareRoot() }
  package var centre: SIMD2<Double> { [(left + right) / 2, (top + bottom) / 2] }

  /// Left, top, right, bottom.
  package var elements: [Double] { [left, top, right, bottom] }

  /// Whether no side is infinite or not a number.
  package var isFinite: Bool { elements.allSatisfy(\.isFinite) }

  /// The area that both cover.
  package func intersection(_ other: FaceBox) -> Double {
    let columns = min(right, other.right) - max(left, other.left)
    let rows = min(bottom, other.bottom) - max(top, other.top)
    return max(columns, 0) * max(rows, 0)
  }

  /// The share of the area of both together that both cover, 0 to 1.
  package func overlap(_ other: FaceBox) -> Double {
    let common = intersection(other)
    return common > 0 ? common / (area + other.area - common) : 0
  }

  /// The share of the smaller one that both cover, 0 to 1: boxes of one face, some with the
  /// forehead and some without, cover each other whatever their sizes.
  package func coverage(_ other: FaceBox) -> Double {
    let common = intersection(other)
    return common > 0 ? common / min(area, other.area) : 0
  }

  package func contains(_ point: SIMD2<Double>) -> Bool {
    left <= point.x && point.x <= right && top <= point.y && point.y <= bottom
  }

  /// The same box somewhere else.
  package func moved(by offset: SIMD2<Double>) -> FaceBox {
    FaceBox(
      left: left + offset.x, top: top + offset.y, right: right + offset.x,
      bottom: bottom + offset.y)
  }
}
