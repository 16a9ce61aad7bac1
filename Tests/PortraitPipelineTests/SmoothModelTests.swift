import Diffusion
import Layers
import PortraitPipeline
import TensorCore
import Testing

/// What saves passes, on models whose velocity changes slowly. `flashportrait bench alp` prints the
/// same for larger models; bounds are about one and a half times what was seen.
@Suite struct SmoothModelTests {
  private static func model(seed: Int) throws -> SmoothModel {
    var size = SmoothModel.Size()
    (size.layers, size.frames, size.windowFrames) = (6, 8, 5)
    return try SmoothModel(size, seed: seed, execution: Execution(arithmetic: .f32))
  }

  private static func prediction(order: Int) -> Acceleration {
    var prediction = LatentPrediction()
    prediction.order = order
    return .prediction(prediction)
  }

  /// TeaCache that computes as many steps as the published interval.
  private static func teaCache(
    _ model: SmoothModel, _ parameters: JobParameters, startSteps: Int
  ) throws -> Acceleration {
    let schedule = try parameters.sampler.sampler(
      steps: parameters.steps, shift: parameters.shift
    ).schedule
    return .teaCache(
      try model.teaCache(
        computing: LatentPrediction().fullSteps(of: parameters.steps).count,
        startSteps: startSteps, of: schedule))
  }

  /// The model is no special case: it depends on all that it is told, its blocks differ, and no
  /// polynomial of low degree is what it does.
  @Test func smoothnessIsNotTrivial() throws {
    let model = try Self.model(seed: 1)
    let parameters = JobParameters()
    let found = try model.smoothness(of: model.run(parameters), parameters, interval: 5)
    print("SMOOTH", found)
    #expect((0.05...0.3).contains(found.differences[0]))
    #expect(found.differences[1...].allSatisfy { (0.02...0.15).contains($0) })
    #expect(found.change > 0.4)
    #expect(found.byLatents > 0.1 && found.byTimestep > 0.03 && found.byExpression > 0.05)
    let additions = found.additionOfBlocks
    #expect(additions.allSatisfy { $0 > 0.05 } && additions[4] > 1.5 * additions[0])
  }

  /// What the issue names: prediction of order 3 is nearer to the full run than all else that computes
  /// 7 of 30 passes.
  @Test(arguments: [1, 2])
  func predictionIsNearest(seed: Int) throws {
    let model = try Self.model(seed: seed)
    var parameters = JobParameters()
    let full = try model.run(parameters)
    func distance(_ acceleration: Acceleration, steps: Int = 30) throws -> Double {
      (parameters.acceleration, parameters.steps) = (acceleration, steps)
      let outcome = try model.run(parameters)
      #expect(outcome.computedCount == 7 * model.windows.count)
      return try outcome.distance(from: full)
    }
    let predicted = try distance(Self.prediction(order: 3))
    let others = [
      try distance(Self.prediction(order: 1)), try distance(Self.prediction(order: 0)),
      try distance(Self.teaCache(model, JobParameters(), startSteps: 5)),
      try distance(Self.teaCache(model, JobParameters(), startSteps: 1)),
      try distance(.none, steps: 7),
    ]
    print("ORDER", predicted, others)
    for other in others { #expect(predicted < 0.9 * other) }
  }

  @Test(arguments: SamplerKind.allCases)
  func samplersAndGuidance(sampler: SamplerKind) throws {
    let model = try Self.model(seed: 3)
    var parameters = JobParameters()
    parameters.sampler = sampler
    let cases: [(text: Float, expression: Float, skipped: Double)] = [
      (1, 1, 0), (1, 4, 0), (5, 1, 0), (5, 4, 0), (1, 4, 0.5),
    ]
    for scales in cases {
      (parameters.textScale, parameters.expressionScale) = (scales.text, scales.expression)
      (parameters.guidanceSkip, parameters.acceleration) = (scales.skipped, .none)
      let full = try model.run(parameters)
      func distance(_ acceleration: Acceleration) throws -> Double {
        parameters.acceleration = acceleration
        return try model.run(parameters).distance(from: full)
      }
      let reused = try distance(Self.prediction(order: 0))
      let predicted = try distance(Self.prediction(order: 3))
      let cached = try distance(Self.teaCache(model, parameters, startSteps: 1))
      print("CASE", sampler, scales, reused, predicted, cached)
      // Also where one is no number.
      #expect(predicted < reused && cached < reused, "\(scales)")
    }
  }
}
