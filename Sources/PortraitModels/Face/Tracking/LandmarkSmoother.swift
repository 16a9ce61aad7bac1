/// Smooths the landmarks of one face over frames: a One-Euro filter (Casiez, Roussel and Vogel 2012)
/// for each part of the face, whose cutoff depends on how much the part moves.
package struct LandmarkSmoother: Sendable {
  private var previous: FaceLandmarks?
  private var speed = [SIMD2<Double>](repeating: .zero, count: FaceLandmarks.count)

  package init() {}

  /// How the cutoff grows with the movement of a part, as a share of the face.
  private struct Response {
    /// Points whose movement counts.
    let points: Range<Int>
    /// Movements between which the cutoff goes from the first to the second.
    let movement: (Double, Double)
    let cutoff: (Double, Double)

    init(_ part: FaceLandmarks.Part) {
      switch part {
      case .outline:
        points = 9..<24
        movement = (0.005, 0.02)
        cutoff = (0.05, 0.3)
      case .nose, .leftEye, .rightEye, .leftPupil, .rightPupil:
        points = part.points
        movement = (0.003, 0.02)
        cutoff = (0.03, 0.7)
      case .brows:
        points = part.points
        movement = (0.003, 0.02)
        cutoff = (0.02, 0.5)
      case .mouth:
        points = part.points
        movement = (0.003, 0.02)
        cutoff = (0.05, 0.7)
      }
    }

    /// From 0 where nothing moves; whatever is no number counts as the fastest movement.
    func cutoff(at share: Double) -> Double {
      if share < movement.0 { return cutoff.0 * share / movement.0 }
      if share < movement.1 {
        return cutoff.0
          + (cutoff.1 - cutoff.0) * (share - movement.0) / (movement.1 - movement.0)
      }
      return cutoff.1
    }
  }

  private static let responses = FaceLandmarks.Part.allCases.map { (part: $0, Response($0)) }

  /// The smoothed landmarks of the next frame; those of the first frame as they are.
  ///
  /// Landmarks that did not move stay, where the published code answers with what is no number.
  ///
  /// - Parameter faceDistance: the size of the face, in the landmarks' unit.
  package mutating func callAsFunction(
    _ landmarks: FaceLandmarks, faceDistance: Double
  ) -> FaceLandmarks {
    guard let previous else {
      previous = landmarks
      return landmarks
    }
    var smoothed = landmarks
    for (part, response) in Self.responses {
      let movement = Self.movement(of: landmarks, since: previous, response.points)
      let cutoff = response.cutoff(at: movement / faceDistance)
      // g(1) and g(1) / f of the filter, the second so that it is defined at f = 0.
      let turn = 2 * Double.pi
      let rate = turn * cutoff / (turn * cutoff + 1)
      let gain = turn / (turn * cutoff + 1)
      for point in part.points {
        let step = landmarks[point] - previous[point]
        speed[point] = gain * step + (1 - rate) * speed[point]
        for axis in 0..<2 {
          let adapted = turn * (1 + cutoff * abs(speed[point][axis])) * cutoff
          let share = adapted / (adapted + 1)
          smoothed[point][axis] =
            share * landmarks[point][axis] + (1 - share) * previous[point][axis]
        }
      }
    }
    self.previous = smoothed
    return smoothed
  }

  /// The mean distance of points to where they were.
  private static func movement(
    of landmarks: FaceLandmarks, since previous: FaceLandmarks, _ points: Range<Int>
  ) -> Double {
    let total = points.reduce(0.0) { sum, point in
      let step = landmarks[point] - previous[point]
      return sum + (step * step).sum().squareRoot()
    }
    return total / Double(points.count)
  }
}
