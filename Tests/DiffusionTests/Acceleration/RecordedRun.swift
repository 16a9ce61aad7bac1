import Diffusion
import TensorCore

/// Full steps of one branch, with samples of its layers, and what is predicted from them.
struct RecordedRun {
  var record = PredictionRecord()
  /// Of the record's nodes.
  private(set) var samples: [Tensor] = []
  var prediction: LatentPrediction
  let schedule: NoiseSchedule

  init(_ prediction: LatentPrediction, steps: Int = 30) throws {
    self.prediction = prediction
    schedule = try .euler(steps: steps, shift: 5)
  }

  /// A prediction with the given options, and s = w = 1 unless it is dynamic.
  static func prediction(
    order: Int, _ series: LatentPrediction.Series = .newton, isDynamic: Bool = false,
    alpha: Double = 1.5
  ) -> LatentPrediction {
    var prediction = LatentPrediction()
    (prediction.order, prediction.series) = (order, series)
    (prediction.isDynamic, prediction.alpha) = (isDynamic, alpha)
    return prediction
  }

  /// - Parameter layers: the sample of each layer, the last layer at the end.
  mutating func add(_ step: Int, _ layers: [[Float]]) throws {
    let sample = try Tensor(layers.flatMap(\.self), shape: [layers.count, layers[0].count])
    samples = Array(([sample] + samples).prefix(prediction.nodeLimit))
    record.add(step: step, samples: samples, prediction, schedule)
  }

  func weights(at step: Int) -> [Double]? {
    record.weights(at: step, samples: samples, prediction, schedule)
  }

  /// The last layer's sample as it is predicted.
  func predicted(at step: Int) throws -> [Double]? {
    guard let weights = weights(at: step) else { return nil }
    let last = try samples.map { try $0[$0.shape[0] - 1].floats().map(Double.init) }
    return last[0].indices.map { element in
      zip(weights, last).reduce(0) { $0 + $1.0 * $1.1[element] }
    }
  }

  /// A function of the position as it is predicted: its values need not fit into float32, nor does it
  /// decide whether the prediction is in family.
  func predicted(at step: Int, of function: (Double) -> Double) -> Double? {
    weights(at: step).map { weights in
      zip(weights, record.nodes).reduce(0) { $0 + $1.0 * function($1.1.position) }
    }
  }

  func position(_ step: Int) -> Double { prediction.clock.position(of: step, in: schedule) }
}
