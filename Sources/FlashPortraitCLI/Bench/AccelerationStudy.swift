import Diffusion
import Foundation
import Layers
import PortraitPipeline
import TensorCore

/// How near to a full run's latents each way to save passes comes, on smooth models.
struct AccelerationStudy {
  /// A table.
  struct Section: Encodable {
    let title: String
    let results: [AccelerationResult]
  }

  private let models: [StudiedModel]
  private let steps: Int
  private let alpha: Double

  /// - Parameters:
  ///   - models: how many, 1 or more; each has weights and noise of its own.
  ///   - steps: of the full run.
  ///   - alpha: of all predictions.
  /// - Throws: `NetworkError`, `TensorError`.
  init(models: Int, steps: Int, alpha: Double, execution: Execution) throws {
    self.steps = steps
    self.alpha = alpha
    self.models = try (1...models).map {
      StudiedModel(try SmoothModel(seed: $0, execution: execution), steps: steps)
    }
  }

  /// The step that the last of the published intervals begins with.
  private var lastIntervalStart: Int {
    LatentPrediction().fullSteps(of: steps).dropLast().last ?? 0
  }

  /// The first model's figures.
  func smoothness() throws -> FieldSmoothness {
    let full = try models[0].fullRun(.flow)
    return try models[0].model.smoothness(
      of: full.outcome, full.parameters, interval: LatentPrediction().interval)
  }

  // MARK: Tables

  /// Everything that computes as many passes as predictions at the published interval do.
  func equalPasses(_ sampler: SamplerKind) throws -> Section {
    let count = LatentPrediction().fullSteps(of: steps).count
    var methods = [AccelerationVariant.Method.steps(count)]
    methods += [TeaCache().startSteps, 1].filter { $0 <= count }.map {
      .teaCache(startSteps: $0, computedSteps: count)
    }
    for order in 0...3 {
      for isDynamic in order == 0 ? [false] : [false, true] {
        var prediction = LatentPrediction()
        (prediction.order, prediction.isDynamic) = (order, isDynamic)
        prediction.alpha = alpha
        methods.append(.prediction(prediction))
      }
    }
    return Section(
      title: "\(sampler.rawValue), \(count) of \(steps) passes computed",
      results: try methods.map {
        try result(of: AccelerationVariant(sampler: sampler, steps: steps, method: $0))
      })
  }

  /// Predictions of all kinds.
  func predictions(intervals: [Int], orders: [Int]) throws -> Section {
    let predictions = intervals.flatMap { interval in
      orders.flatMap { LatentPrediction.variants(interval: interval, order: $0, alpha: alpha) }
    }
    return Section(
      title: "flow, interval K and order n",
      results: try predictions.map {
        try result(of: AccelerationVariant(steps: steps, method: .prediction($0)))
      })
  }

  private func result(of variant: AccelerationVariant) throws -> AccelerationResult {
    var outcomes: [SmoothModel.Outcome] = []
    var (distances, earlier) = ([Double](), [Double]())
    for model in models {
      let outcome = try model.model.run(variant.parameters(for: model.model))
      let full = try model.fullRun(variant.sampler).outcome
      distances.append(try outcome.distance(from: full))
      if outcome.latents.count == full.latents.count {
        earlier.append(try outcome.distance(from: full, before: lastIntervalStart))
      }
      outcomes.append(outcome)
    }
    func mean(_ value: (SmoothModel.Outcome) -> Double) -> Double {
      outcomes.reduce(0) { $0 + value($1) } / Double(outcomes.count)
    }
    let windows = Double(models[0].model.windows.count)
    return AccelerationResult(
      variant: variant, computedSteps: mean { Double($0.computedCount) / windows },
      predictedSteps: mean { Double($0.madeCount) / windows },
      fallbacks: mean { Double($0.fallbackCount) / windows }, distances: distances,
      distanceBeforeLast: earlier.isEmpty ? nil : earlier.reduce(0, +) / Double(earlier.count),
      seconds: mean(\.seconds))
  }
}

/// A model and its full runs, one for each sampler.
private final class StudiedModel {
  let model: SmoothModel
  private let steps: Int
  private var runs: [SamplerKind: FullRun] = [:]

  typealias FullRun = (outcome: SmoothModel.Outcome, parameters: JobParameters)

  init(_ model: SmoothModel, steps: Int) {
    self.model = model
    self.steps = steps
  }

  func fullRun(_ sampler: SamplerKind) throws -> FullRun {
    if let known = runs[sampler] { return known }
    let variant = AccelerationVariant(sampler: sampler, steps: steps, method: .steps(steps))
    let parameters = try variant.parameters(for: model)
    let run = (outcome: try model.run(parameters), parameters: parameters)
    runs[sampler] = run
    return run
  }
}

extension AccelerationStudy.Section {
  /// The table for people.
  var lines: [String] {
    var table = TextTable(
      [.left, .right, .right, .right, .right, .left, .right, .right], indent: "  ")
    table.add("", "computed", "predicted", "fallbacks", "distance", "range", "earlier", "seconds")
    for result in results {
      table.add(
        result.variant.name, number(result.computedSteps), number(result.predictedSteps),
        number(result.fallbacks), distance(result.distance),
        "\(distance(result.distances.min() ?? 0)) to \(distance(result.distances.max() ?? 0))",
        result.distanceBeforeLast.map(distance) ?? "-", String(format: "%.2f", result.seconds))
    }
    return [title] + table.lines
  }

  private func number(_ value: Double) -> String {
    value == value.rounded() ? "\(Int(value))" : String(format: "%.1f", value)
  }

  private func distance(_ value: Double) -> String { String(format: "%.4f", value) }
}
