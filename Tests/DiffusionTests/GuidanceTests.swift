import Diffusion
import TensorCore
import Testing

@Suite struct GuidanceTests {
  /// Full, without expression, negative, negative with expression.
  private static let values: [Guidance.Prediction: [Float]] = [
    .full: [1, -2], .withoutExpression: [3, 5], .negative: [-7, 0.5],
    .negativeWithExpression: [11, 13],
  ]

  private func velocity(_ text: Float, _ expression: Float) throws -> [Float] {
    let guidance = Guidance(textScale: text, expressionScale: expression)
    let values = try guidance.predictions.map {
      try Tensor(Self.values[$0] ?? [], shape: [2])
    }
    return try guidance.velocity(values, on: .shared).floats()
  }

  @Test func predictionsOfEachCase() {
    func predictions(_ text: Float, _ expression: Float) -> [Guidance.Prediction] {
      Guidance(textScale: text, expressionScale: expression).predictions
    }
    #expect(predictions(1, 1) == [.full])
    #expect(predictions(1, 0) == [.full])
    #expect(predictions(1, 4) == [.full, .withoutExpression])
    #expect(predictions(3, 4) == [.full, .withoutExpression, .negative])
    #expect(predictions(0, 4) == [.full, .withoutExpression, .negative])
    #expect(predictions(3, 1) == [.full, .negativeWithExpression])
    #expect(Guidance.none.predictions == [.full])
  }

  @Test func velocities() throws {
    #expect(try velocity(1, 1) == [1, -2])
    // Z + 4 (P - Z): 3 - 8, 5 - 28.
    #expect(try velocity(1, 4) == [-5, -23])
    // U + 3 (Z - U) + 4 (P - Z): -7 + 30 - 8, 0.5 + 13.5 - 28.
    #expect(try velocity(3, 4) == [15, -14])
    // U' + 3 (P - U'): 11 - 30, 13 - 45.
    #expect(try velocity(3, 1) == [-19, -32])
  }

  /// A step is guided while its number is below what the share leaves.
  @Test(arguments: [
    (30, 0.0, 30), (30, 1.0, 0), (30, 0.25, 23), (4, 0.5, 2), (4, 0.3, 3), (1, 0.5, 1),
    (1, 1.0, 0), (10, 0.05, 10),
  ])
  func skippedGuidance(steps: Int, share: Double, guided: Int) throws {
    #expect(try WindowedDenoiser.guidedSteps(of: steps, skippedShare: share) == guided)
  }

  @Test(arguments: [-0.1, 1.1, .infinity])
  func impossibleSharesAreRefused(share: Double) {
    #expect(throws: DiffusionError.guidanceSkip(share)) {
      try WindowedDenoiser.guidedSteps(of: 30, skippedShare: share)
    }
  }
}
