/// Newton's divided differences f[x0], f[x0, x1], ... of what is known at some positions, as weights of
/// the known values: f[x0...xi] is the sum of `weights[i][j]` f(xj).
///
/// The published finite differences over evenly spaced steps are these but for a factor:
/// Dⁱ = i! (-K)ⁱ f[x0...xi]. Unlike them they also hold where the spacing is uneven.
struct DividedDifferences {
  /// Newest first, all different.
  let positions: [Double]
  /// Row i has i + 1 weights.
  let weights: [[Double]]

  init(_ positions: [Double]) {
    self.positions = positions
    weights = positions.indices.map { order in
      positions[...order].map { position in
        let product = positions[...order].reduce(1.0) { product, other in
          other == position ? product : product * (position - other)
        }
        return 1 / product
      }
    }
  }

  /// What the differences are multiplied with to give f at a position: 1 for order 0.
  func factors(at position: Double, _ series: LatentPrediction.Series) -> [Double] {
    positions.indices.map { order in
      positions[..<order].reduce(1.0) { product, node in
        switch series {
        case .taylor: product * (position - positions[0])
        case .newton: product * (position - node)
        }
      }
    }
  }
}

extension LatentPrediction.Clock {
  /// Where a step stands: positions of different steps are different.
  package func position(of step: Int, in schedule: NoiseSchedule) -> Double {
    switch self {
    case .steps: Double(step)
    case .sigmas: schedule.sigmas[step]
    }
  }
}
