import Diffusion
import Layers
import PortraitPipeline
import TensorCore
import Testing

/// What saves passes, on models whose velocity changes slowly from step to step; `flashportrait
/// bench alp` prints the same for larger ones.
@Suite(.serialized) struct SmoothModelTests {
  private let model: SmoothModel

  init() throws {
    var size = SmoothModel.Size()
    (size.layers, size.frames, size.windowFrames, size.overlap) = (4, 7, 5, 3)
    model = try SmoothModel(size, seed: 1, execution: Execution(arithmetic: .f32))
  }

  private func prediction(order: Int, isDynamic: Bool = true) -> Acceleration {
    var prediction = LatentPrediction()
    (prediction.order, prediction.isDynamic) = (order, isDynamic)
    return .prediction(prediction)
  }

  /// TeaCache that computes as many steps as predictions at the published interval do.
  private func teaCache(_ parameters: JobParameters, startSteps: Int) throws -> Acceleration {
    let sampler = try parameters.sampler.sampler(steps: parameters.steps, shift: parameters.shift)
    return .teaCache(
      try model.teaCache(
        computing: LatentPrediction().fullSteps(of: parameters.steps).count,
        startSteps: startSteps, of: sampler.schedule))
  }

  /// The model is no special case: the velocity depends on all that the network is told, blocks
  /// differ, and what the last one leaves is no polynomial of low degree.
  @Test func changeIsSlowButNotTrivial() throws {
    let parameters = JobParameters()
    let found = try model.smoothness(of: model.run(parameters), parameters, interval: 5)
    #expect((0.05...0.3).contains(found.differences[0]))
    #expect(found.differences.dropFirst().allSatisfy { (0.02...0.15).contains($0) })
    #expect(found.change > 0.4)
    #expect(found.byLatents > 0.1 && found.byTimestep > 0.03 && found.byExpression > 0.05)
    let additions = found.additionOfBlocks
    #expect(additions.allSatisfy { $0 > 0.05 } && additions[2] > 1.2 * additions[0])
  }

  /// With and without dynamic functions: nearer to the full run than all else that computes 7 of 30
  /// steps. Seen: 0.74 of order 1, at most 0.45 of the others.
  @Test func predictionOfOrder3IsNearest() throws {
    var parameters = JobParameters()
    let full = try model.run(parameters)
    func distance(_ acceleration: Acceleration, steps: Int = 30) throws -> Double {
      (parameters.acceleration, parameters.steps) = (acceleration, steps)
      let outcome = try model.run(parameters)
      #expect(outcome.computedCount == 7 * model.windows.count)
      #expect(outcome.madeCount == (steps - 7) * model.windows.count)
      return try outcome.distance(from: full)
    }
    let others = [
      try distance(prediction(order: 0)), try distance(.none, steps: 7),
      try distance(teaCache(JobParameters(), startSteps: 5)),
    ]
    for isDynamic in [false, true] {
      let order1 = try distance(prediction(order: 1, isDynamic: isDynamic))
      let order3 = try distance(prediction(order: 3, isDynamic: isDynamic))
      #expect(order3 < 0.85 * order1)
      for other in others { #expect(order3 < 0.6 * other) }
    }
  }

  /// Every run here has two windows. Seen: at most 0.48 of reuse's distance predicted, 0.59 cached.
  @Test func everySamplerAndGuidance() throws {
    let cases: [(sampler: SamplerKind, text: Float, expression: Float, skipped: Double)] = [
      (.flow, 1, 1, 0), (.flow, 1, 4, 0), (.flow, 5, 1, 0), (.flow, 5, 4, 0), (.flow, 1, 4, 0.5),
      (.flowUniPC, 1, 4, 0), (.flowDPM, 1, 4, 0),
    ]
    for item in cases {
      var parameters = JobParameters()
      parameters.sampler = item.sampler
      (parameters.textScale, parameters.expressionScale) = (item.text, item.expression)
      parameters.guidanceSkip = item.skipped
      let full = try model.run(parameters)
      func distance(_ acceleration: Acceleration) throws -> Double {
        parameters.acceleration = acceleration
        return try model.run(parameters).distance(from: full)
      }
      let reused = try distance(prediction(order: 0))
      let predicted = try distance(prediction(order: 3))
      let cached = try distance(teaCache(parameters, startSteps: 1))
      // No number is less than any other.
      #expect(predicted < 0.7 * reused && cached < 0.8 * reused, "\(item)")
    }
  }
}
