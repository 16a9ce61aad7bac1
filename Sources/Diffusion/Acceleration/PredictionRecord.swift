import Foundation
import TensorCore

/// What Adaptive Latent Prediction knows of the full steps of one window and guidance branch, besides
/// the hidden states themselves; it is saved with the run.
///
/// The caller keeps, for every node and in the nodes' order, the last layer's hidden states and a
/// `LayerSample` of every layer. All sums run in one order in float64, so that nothing depends on
/// threads.
package struct PredictionRecord: Sendable, Equatable, Codable {
  /// A full step that predictions are made from.
  package struct Node: Sendable, Equatable, Codable {
    package let step: Int
    /// On the prediction's clock.
    package let position: Double
  }

  /// Newest first, at most `LatentPrediction.nodeLimit`.
  package private(set) var nodes: [Node] = []
  /// E|df/dt| of the last layer between the two latest full steps; 0 before there are two.
  private(set) var speed = 0.0
  /// Of the full steps so far.
  private(set) var speedSum = 0.0
  private(set) var speedCount = 0
  /// The last layer's w for each order from 1.
  private(set) var layerFactors: [Double] = []

  package init() {}

  /// Notes a full step.
  ///
  /// - Parameters:
  ///   - step: later than all before.
  ///   - samples: newest first, `[layers, count]` float32: this step's, and those of the nodes that
  ///     remain.
  ///   - prediction: the same for the whole run.
  package mutating func add(
    step: Int, samples: [Tensor], _ prediction: LatentPrediction, _ schedule: NoiseSchedule
  ) {
    precondition(nodes.first.map { $0.step < step } ?? true, "step \(step) is not the latest")
    let node = Node(step: step, position: prediction.clock.position(of: step, in: schedule))
    nodes = Array(([node] + nodes).prefix(prediction.nodeLimit))
    let values = SampledLayers(samples, nodeCount: nodes.count)
    guard nodes.count > 1 else { return }
    let differences = DividedDifferences(nodes.map(\.position))
    let magnitudes = (0..<values.layerCount).map { layer in
      differences.weights.dropFirst().map { values.meanMagnitude(of: $0, layer: layer) }
    }
    layerFactors = nodes.indices.dropLast().map { order in
      let ofLayers = magnitudes.map { $0[order] }
      let mean = ofLayers.reduce(0, +) / Double(ofLayers.count)
      return DynamicFactor.layer(ratio: DynamicFactor.ratio(ofLayers[ofLayers.count - 1], mean))
    }
    let latest = magnitudes[magnitudes.count - 1][0]
    // What is no number shows in the predictions; here it would stay for ever.
    guard latest.isFinite else { return }
    speed = latest
    speedSum += latest
    speedCount += 1
  }

  /// What the nodes' hidden states are multiplied with, newest first, to predict those of a step.
  ///
  /// - Parameters:
  ///   - step: later than all nodes.
  ///   - samples: of the nodes, newest first, `[layers, count]` float32.
  ///   - prediction: the same for the whole run.
  /// - Returns: nil where the step has to be computed: without nodes, or where the predicted change is
  ///   out of family: by unit of distance less than a quarter or more than four times the change
  ///   between the two latest full steps, or no number.
  package func weights(
    at step: Int, samples: [Tensor], _ prediction: LatentPrediction, _ schedule: NoiseSchedule
  ) -> [Double]? {
    guard let latest = nodes.first else { return nil }
    precondition(latest.step < step, "step \(step) is not behind the latest full one")
    guard nodes.count > 1 else { return [1] }
    let position = prediction.clock.position(of: step, in: schedule)
    let weights = weights(at: position, prediction)
    let values = SampledLayers(samples, nodeCount: nodes.count)
    let change = values.lastLayerNorm(of: weights) / abs(position - latest.position)
    let former =
      values.lastLayerNorm(of: [0, -1]) / abs(latest.position - nodes[1].position)
    let ratio = DynamicFactor.ratio(change, former)
    return Self.family.contains(ratio) ? weights : nil
  }

  /// The speed's function s.
  func speedFactor(alpha: Double) -> Double {
    DynamicFactor.speed(
      ratio: DynamicFactor.ratio(speed, speedSum / Double(max(speedCount, 1))), alpha: alpha)
  }

  private func weights(at position: Double, _ prediction: LatentPrediction) -> [Double] {
    let differences = DividedDifferences(nodes.map(\.position))
    let factors = differences.factors(at: position, prediction.series)
    let speed = prediction.isDynamic ? speedFactor(alpha: prediction.alpha) : 1
    var weights = [Double](repeating: 0, count: nodes.count)
    for order in nodes.indices.dropFirst() {
      let layer = prediction.isDynamic ? layerFactors[order - 1] : 1
      for (node, weight) in differences.weights[order].enumerated() {
        weights[node] += factors[order] * weight / (layer * speed)
      }
    }
    // What does not change must come out as it is.
    weights[0] = 1 - weights.dropFirst().reduce(0, +)
    return weights
  }

  /// Norms of the predicted change, in those of the last full one, that are believed: 1/4 to 4, with
  /// room for rounding.
  private static let family = (0.25 * (1 - 1e-9))...(4 * (1 + 1e-9))
}
