import TensorCore

/// Samples of all layers at the nodes of a prediction, newest first, and what is measured on them.
struct SampledLayers {
  private let samples: [Tensor]
  let layerCount: Int
  /// Elements of a layer.
  private let count: Int

  /// - Parameter samples: `[layers, count]` float32, one for each node.
  init(_ samples: [Tensor], nodeCount: Int) {
    precondition(samples.count == nodeCount, "\(samples.count) samples for \(nodeCount) nodes")
    let shape = samples[0].shape
    precondition(
      shape.rank == 2 && shape.count > 0
        && samples.allSatisfy { $0.shape == shape && $0.dtype == .f32 && $0.isContiguous },
      "samples \(samples.map(\.shape))")
    self.samples = samples
    layerCount = shape[0]
    count = shape[1]
  }

  /// Mean magnitude of a sum of the nodes.
  ///
  /// - Parameter weights: of as many nodes, newest first, as there are weights; they add up to 0.
  func meanMagnitude(of weights: [Double], layer: Int) -> Double {
    var sum = 0.0
    forEachChange(weights, layer: layer) { sum += abs($0) }
    return sum / Double(count)
  }

  /// Norm of the last layer's sum of the nodes less its newest one.
  ///
  /// - Parameter weights: of as many nodes as there are weights; the first does not count.
  func lastLayerNorm(of weights: [Double]) -> Double {
    var sum = 0.0
    forEachChange(weights, layer: layerCount - 1) { sum += $0 * $0 }
    return sum.squareRoot()
  }

  /// Weighs the nodes' differences from the newest one, so that what stays the same is exactly 0.
  private func forEachChange(
    _ weights: [Double], layer: Int, _ body: (Double) -> Void
  ) {
    let start = layer * count * MemoryLayout<Float>.size
    let rows = samples.prefix(weights.count).map { UnsafeRawPointer($0.pointer + start) }
    withExtendedLifetime(samples) {
      for index in 0..<count {
        // Of a mapped file's samples none need be aligned.
        func value(_ node: Int) -> Double {
          Double(rows[node].loadUnaligned(fromByteOffset: index * 4, as: Float.self))
        }
        let newest = value(0)
        var change = 0.0
        for node in 1..<weights.count { change += weights[node] * (value(node) - newest) }
        body(change)
      }
    }
  }
}
