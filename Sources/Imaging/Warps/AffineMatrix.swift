/// An affine map of points in the plane: the 2x3 matrix that OpenCV calls M, in double precision.
///
/// Points are `(x, y)`, in pixels, with whole numbers at the centres of pixels. In a warp the matrix
/// maps source to destination.
package struct AffineMatrix: Sendable, Equatable {
  /// What x' and y' take of (x, y, 1).
  package var x: SIMD3<Double>
  package var y: SIMD3<Double>

  /// - Parameters:
  ///   - x: the first row of the matrix.
  ///   - y: the second.
  package init(x: SIMD3<Double>, y: SIMD3<Double>) {
    self.x = x
    self.y = y
  }

  /// - Parameter elements: six numbers, row-major.
  package init(_ elements: [Double]) {
    precondition(elements.count == 6, "an affine matrix has six elements")
    self.init(
      x: SIMD3(elements[0], elements[1], elements[2]),
      y: SIMD3(elements[3], elements[4], elements[5]))
  }

  package static let identity = AffineMatrix(x: [1, 0, 0], y: [0, 1, 0])

  package static func translation(_ offset: SIMD2<Double>) -> AffineMatrix {
    AffineMatrix(x: [1, 0, offset.x], y: [0, 1, offset.y])
  }

  package static func scaling(_ factor: Double) -> AffineMatrix {
    AffineMatrix(x: [factor, 0, 0], y: [0, factor, 0])
  }

  /// The six numbers, row-major.
  package var elements: [Double] { [x.x, x.y, x.z, y.x, y.y, y.z] }

  /// Whether no element is infinite or not a number.
  package var isFinite: Bool { elements.allSatisfy(\.isFinite) }

  /// How areas change; negative where the map mirrors.
  package var determinant: Double { x.x * y.y - x.y * y.x }

  /// The map back, nil where there is none: the plane is folded to a line or a point, or numbers
  /// overflow.
  package var inverse: AffineMatrix? {
    let scale = 1 / determinant
    guard isFinite, scale.isFinite else { return nil }
    let xx = y.y * scale
    let xy = -x.y * scale
    let yx = -y.x * scale
    let yy = x.x * scale
    let result = AffineMatrix(
      x: [xx, xy, -(xx * x.z + xy * y.z)], y: [yx, yy, -(yx * x.z + yy * y.z)])
    return result.isFinite ? result : nil
  }

  /// This map first, then another.
  package func followed(by next: AffineMatrix) -> AffineMatrix {
    func row(_ row: SIMD3<Double>) -> SIMD3<Double> {
      row.x * x + row.y * y + [0, 0, row.z]
    }
    return AffineMatrix(x: row(next.x), y: row(next.y))
  }

  /// Where a point goes.
  package func callAsFunction(_ point: SIMD2<Double>) -> SIMD2<Double> {
    [x.x * point.x + x.y * point.y + x.z, y.x * point.x + y.y * point.y + y.z]
  }

  /// Where points go.
  package func callAsFunction(_ points: [SIMD2<Double>]) -> [SIMD2<Double>] {
    points.map { self($0) }
  }
}
