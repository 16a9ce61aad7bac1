import Foundation

/// Classes of the distance from a query to a key (Wan2.1 `T5RelativeEmbedding`, bidirectional): near
/// ones each for itself, farther ones together with ever more of their neighbours.
package struct RelativePositions: Sendable {
  /// Classes, half of them for keys after the query.
  package let bucketCount: Int

  /// From this distance on all keys are in one class.
  package static let farthest = 128

  /// Numbers of classes for which the formula is defined: with fewer none is exact, with more all
  /// would be.
  package static let bucketCounts = 4...4 * farthest - 2

  package init(bucketCount: Int) { self.bucketCount = bucketCount }

  /// - Parameter distance: the key's position minus the query's.
  package func bucket(of distance: Int) -> Int {
    let half = bucketCount / 2
    let side = distance > 0 ? half : 0
    let exact = half / 2
    let magnitude = abs(distance)
    if magnitude < exact { return side + magnitude }
    // In float32, step by step as the published code: at the limits of a class the roundings count.
    let ratio =
      log(Float(magnitude) / Float(exact)) / Float(log(Double(Self.farthest) / Double(exact)))
    return side + min(half - 1, exact + Int(ratio * Float(half - exact)))
  }
}
