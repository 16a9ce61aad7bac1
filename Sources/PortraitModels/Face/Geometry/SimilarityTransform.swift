import Imaging

extension AffineMatrix {
  /// The turn, scale and shift that bring points closest to others, by least squares (Umeyama 1991,
  /// the similarity transform with scale).
  ///
  /// In the plane the best turn needs no singular values: with points as complex numbers about their
  /// means, Umeyama's answer is the regression z = sum(conj(s) d) / sum(|s|^2), mirrored sets
  /// included. It is as good where the points lie on a line.
  ///
  /// - Parameters:
  ///   - source: at least one point.
  ///   - target: as many.
  /// - Returns: nil where there is no such map: the points coincide, are not finite, or are best
  ///   brought to a single point.
  package static func similarity(
    from source: [SIMD2<Double>], to target: [SIMD2<Double>]
  ) -> AffineMatrix? {
    precondition(source.count == target.count && !source.isEmpty, "pairs of points")
    let sourceMean = source.mean
    let targetMean = target.mean
    var product = SIMD2<Double>.zero
    var variance = 0.0
    for (from, to) in zip(source, target) {
      let (s, d) = (from - sourceMean, to - targetMean)
      product += [s.x * d.x + s.y * d.y, s.x * d.y - s.y * d.x]
      variance += s.x * s.x + s.y * s.y
    }
    let z = product / variance
    let linear = AffineMatrix(x: [z.x, -z.y, 0], y: [z.y, z.x, 0])
    return linear.followed(by: .translation(targetMean - linear(sourceMean))).usable
  }
}

extension [SIMD2<Double>] {
  fileprivate var mean: SIMD2<Double> { reduce(.zero, +) / Double(count) }
}
