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

  private let seeds: [SeededModel]
  private let base: JobParameters
  private let steps: Int

  /// - Parameters:
  ///   - seeds: models, 1 or more.
  ///   - steps: of the full run.
  /// - Throws: `NetworkError`, `TensorError`.
  init(seeds: Int, steps: Int, execution: Execution) throws {
    self.steps = steps
    base = JobParameters()
    self.seeds = try (1...seeds).map {
      SeededModel(try SmoothModel(seed: $0, execution: execution))
    }
  }

  /// The first model's figures.
  func smoothness() throws -> FieldSmoothness {
    let parameters = AccelerationVariant(steps: steps).parameters(base)
    return try seeds[0].model.smoothness(
      of: seeds[0].fullRun(parameters), parameters, interval: LatentPrediction().interval)
  }

  // MARK: Tables

  /// Everything that computes as many passes as the published interval.
  func equalPasses(_ sampler: SamplerKind) throws -> Section {
    let schedule = try sampler.sampler(steps: steps, shift: base.shift).schedule
    let count = LatentPrediction().fullSteps(of: steps).count
    var variants = [AccelerationVariant(sampler: sampler, steps: count)]
    for startSteps in [TeaCache().startSteps, 1] where startSteps <= count {
      let cache = try seeds[0].model.teaCache(
        computing: count, startSteps: startSteps, of: schedule)
      variants.append(AccelerationVariant(sampler: sampler, steps: steps, teaCache: cache))
    }
    for order in 0...3 {
      var prediction = LatentPrediction()
      prediction.order = order
      variants.append(AccelerationVariant(sampler: sampler, steps: steps, prediction: prediction))
    }
    return Section(
      title: "\(sampler.rawValue): \(count) of \(steps) passes computed",
      results: try variants.map(result))
  }

  /// Predictions of all kinds.
  func predictions(intervals: [Int], orders: [Int]) throws -> Section {
    let variants = intervals.flatMap { interval in
      orders.flatMap { order in
        AccelerationVariant.predictions(interval: interval, order: order).map {
          AccelerationVariant(steps: steps, prediction: $0)
        }
      }
    }
    return Section(
      title: "flow: interval K, order n, series, clock", results: try variants.map(result))
  }

  private func result(of variant: AccelerationVariant) throws -> AccelerationResult {
    let parameters = variant.parameters(base)
    var full = AccelerationVariant(steps: steps)
    full.sampler = variant.sampler
    var outcomes: [SmoothModel.Outcome] = []
    var distances: [Double] = []
    for seed in seeds {
      let outcome = try seed.model.run(parameters)
      distances.append(try outcome.distance(from: seed.fullRun(full.parameters(base))))
      outcomes.append(outcome)
    }
    func mean(_ value: (SmoothModel.Outcome) -> Double) -> Double {
      outcomes.reduce(0) { $0 + value($1) } / Double(outcomes.count)
    }
    let windows = Double(seeds[0].model.windows.count)
    return AccelerationResult(
      variant: variant, computedSteps: mean { Double($0.computedCount) / windows },
      predictedSteps: mean { Double($0.madeCount) / windows },
      fallbacks: mean { Double($0.fallbackCount) / windows }, distances: distances,
      seconds: mean(\.seconds))
  }
}

/// A model and its full runs, one for each sampler.
private final class SeededModel {
  let model: SmoothModel
  private var runs: [SamplerKind: SmoothModel.Outcome] = [:]

  init(_ model: SmoothModel) { self.model = model }

  func fullRun(_ parameters: JobParameters) throws -> SmoothModel.Outcome {
    if let known = runs[parameters.sampler] { return known }
    let run = try model.run(parameters)
    runs[parameters.sampler] = run
    return run
  }
}

extension AccelerationStudy.Section {
  /// The table for people.
  var lines: [String] {
    var table = TextTable(
      [.left, .right, .right, .right, .right, .left, .right], indent: "  ")
    table.add("", "computed", "predicted", "fallbacks", "distance", "range", "seconds")
    for result in results {
      table.add(
        result.variant.name, number(result.computedSteps), number(result.predictedSteps),
        number(result.fallbacks), distance(result.distance),
        "\(distance(result.distances.min() ?? 0)) to \(distance(result.distances.max() ?? 0))",
        String(format: "%.2f", result.seconds))
    }
    return [title] + table.lines
  }

  private func number(_ value: Double) -> String {
    value == value.rounded() ? "\(Int(value))" : String(format: "%.1f", value)
  }

  private func distance(_ value: Double) -> String { String(format: "%.4f", value) }
}
