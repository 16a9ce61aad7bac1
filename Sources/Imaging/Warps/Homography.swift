/// A projective map of points in the plane: a 3x3 matrix in double precision, as OpenCV's perspective
/// warp takes it.
///
/// Points are as in `AffineMatrix`. In a warp the matrix maps source to destination.
package struct Homography: Sendable, Equatable {
  /// What x', y' and the divisor take of (x, y, 1).
  package var x: SIMD3<Double>
  package var y: SIMD3<Double>
  package var w: SIMD3<Double>

  /// - Parameters:
  ///   - x: the first row of the matrix.
  ///   - y: the second.
  ///   - w: the third, (0, 0, 1) for an affine map.
  package init(x: SIMD3<Double>, y: SIMD3<Double>, w: SIMD3<Double>) {
    self.x = x
    self.y = y
    self.w = w
  }

  package init(_ affine: AffineMatrix) {
    self.init(x: affine.x, y: affine.y, w: [0, 0, 1])
  }

  /// - Parameter elements: nine numbers, row-major.
  package init(_ elements: [Double]) {
    precondition(elements.count == 9, "a homography has nine elements")
    self.init(
      x: SIMD3(elements[0], elements[1], elements[2]),
      y: SIMD3(elements[3], elements[4], elements[5]),
      w: SIMD3(elements[6], elements[7], elements[8]))
  }

  package static let identity = Homography(.identity)

  /// The nine numbers, row-major.
  package var elements: [Double] { [x, y, w].flatMap { [$0.x, $0.y, $0.z] } }

  /// Whether no element is infinite or not a number.
  package var isFinite: Bool { elements.allSatisfy(\.isFinite) }

  package var determinant: Double { Self.dot(x, Self.cross(y, w)) }

  /// The map back, nil where there is none: the matrix is singular, or numbers overflow.
  package var inverse: Homography? {
    let scale = 1 / determinant
    guard isFinite, scale.isFinite else { return nil }
    // The columns of the inverse.
    let columns = [Self.cross(y, w) * scale, Self.cross(w, x) * scale, Self.cross(x, y) * scale]
    func row(_ index: Int) -> SIMD3<Double> {
      [columns[0][index], columns[1][index], columns[2][index]]
    }
    let result = Homography(x: row(0), y: row(1), w: row(2))
    return result.isFinite ? result : nil
  }

  /// This map first, then another.
  package func followed(by next: Homography) -> Homography {
    func row(_ row: SIMD3<Double>) -> SIMD3<Double> { row.x * x + row.y * y + row.z * w }
    return Homography(x: row(next.x), y: row(next.y), w: row(next.w))
  }

  /// Where a point goes; infinite or not a number where it has no image.
  package func callAsFunction(_ point: SIMD2<Double>) -> SIMD2<Double> {
    let homogeneous = SIMD3(point.x, point.y, 1)
    return SIMD2(Self.dot(x, homogeneous), Self.dot(y, homogeneous)) / Self.dot(w, homogeneous)
  }

  // Both with the order of operations that OpenCV has: its inverses then have the same bits.

  private static func dot(_ a: SIMD3<Double>, _ b: SIMD3<Double>) -> Double {
    a.x * b.x + a.y * b.y + a.z * b.z
  }

  private static func cross(_ a: SIMD3<Double>, _ b: SIMD3<Double>) -> SIMD3<Double> {
    [a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x]
  }
}
