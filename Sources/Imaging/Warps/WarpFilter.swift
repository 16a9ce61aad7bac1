/// How a pixel of a warped picture is made of its neighbours in the source.
package enum WarpFilter: String, CaseIterable, Codable, Sendable {
  /// Of four neighbours.
  case linear
  /// Of sixteen, by cubic convolution with a = -0.75.
  case cubic
}

/// Weights of the cubic filter at every 1/32 of a pixel: 16 for each of 32 x 32 places, row-major, of
/// sum 2^15 (`initInterTab2D` of OpenCV's imgwarp.cpp).
enum CubicWeights {
  static let bits = 15

  static let table: [Int16] = {
    let steps = 1 << WarpUnit.bits
    let weights = (0..<steps).map { Self.neighbours(at: Float($0) / Float(steps)) }
    return weights.flatMap { row in weights.flatMap { column in outerProduct(row, column) } }
  }()

  /// Weights of the four neighbours of a place between the two inner ones, in float32 arithmetic.
  private static func neighbours(at place: Float) -> [Float] {
    let a: Float = -0.75
    let far = place + 1
    let near = 1 - place
    let first = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a
    let second = ((a + 2) * place - (a + 3)) * place * place + 1
    let third = ((a + 2) * near - (a + 3)) * near * near + 1
    return [first, second, third, 1 - first - second - third]
  }

  /// Rounded products. What rounding adds to their sum is taken from the least or largest of the four
  /// at the lower right.
  private static func outerProduct(_ row: [Float], _ column: [Float]) -> [Int16] {
    let one = 1 << bits
    var weights = row.flatMap { vertical in
      column.map { horizontal in
        Int((vertical * horizontal * Float(one)).rounded(.toNearestOrEven))
      }
    }
    let excess = weights.reduce(0, +) - one
    if excess != 0 {
      var least = 10
      var largest = 10
      for place in [10, 11, 14, 15] {
        if weights[place] < weights[least] {
          least = place
        } else if weights[place] > weights[largest] {
          largest = place
        }
      }
      weights[excess < 0 ? largest : least] -= excess
    }
    return weights.map { Int16(clamping: $0) }
  }
}
