import Diffusion
import TensorCore
import Testing

/// The functions of speed and layer, worked by hand.
@Suite struct DynamicPredictionTests {
  /// Two layers of two elements over the full steps 0, 5, 10.
  ///
  /// Last layer: [0, 0], [10, -20], [30, -40]. Its speeds are (10 + 20) / 2 / 5 = 3 and
  /// (20 + 20) / 2 / 5 = 4, so s = (4 / 3.5)^1.5 = 1.2217656773.
  /// First differences by distance: [4, -4] and before [2, -4]; second: [0.2, 0]; mean
  /// magnitudes 4 and 0.1.
  /// First layer: [5, 5], [0, 0], [10, 10]: first differences 2, before -1; second 0.3.
  /// r of the last layer: 4 / 3 and 0.1 / 0.2; w: sqrt(3/4) = 0.8660254038, sqrt(2) = 1.4142135624.
  private func example(
    _ series: LatentPrediction.Series, alpha: Double = 1.5, isDynamic: Bool = true
  ) throws -> RecordedRun {
    var run = try RecordedRun(
      RecordedRun.prediction(order: 2, series, isDynamic: isDynamic, alpha: alpha))
    try run.add(0, [[5, 5], [0, 0]])
    try run.add(5, [[0, 0], [10, -20]])
    try run.add(10, [[10, 10], [30, -40]])
    return run
  }

  /// Two steps on. Newton: 30 + 4 * 2 / (w1 s) + 0.2 * 2 * 7 / (w2 s) = 30 + 7.5609 + 1.6205;
  /// Taylor's last term is 0.2 * 2 * 2 / (w2 s).
  @Test(arguments: [
    (LatentPrediction.Series.newton, 39.1813868262, 47.5608641481),
    (LatentPrediction.Series.taylor, 38.0238706276, 47.5608641481),
  ])
  func wholePrediction(_ series: LatentPrediction.Series, first: Double, second: Double) throws {
    let got = try #require(try example(series).predicted(at: 12))
    #expect(abs(got[0] - first) < 1e-8 && abs(got[1] + second) < 1e-8)
  }

  /// Without the functions: 30 + 8 + 2.8 and -40 - 8.
  @Test func withoutTheFunctions() throws {
    let got = try #require(try example(.newton, isDynamic: false).predicted(at: 12))
    #expect(abs(got[0] - 40.8) < 1e-9 && abs(got[1] + 48) < 1e-9)
  }

  /// The second element's second difference is 0, so its change is -8 / (w1 s), with
  /// s = (4 / 3.5)^alpha.
  @Test(arguments: [(0.0, 1.0), (1.0, 8.0 / 7), (2.0, 64.0 / 49), (1.5, 1.2217656773)])
  func speedFunction(alpha: Double, s: Double) throws {
    let got = try #require(try example(.newton, alpha: alpha).predicted(at: 12))
    #expect(abs(8 / (-40 - got[1]) - 0.8660254038 * s) < 1e-8)
  }

  /// The mean is that of all full steps so far, not of those that are still nodes: speeds 1, 2, 6
  /// have the mean 3 with order 1 too.
  @Test func speedsOfAllFullStepsCount() throws {
    var run = try RecordedRun(RecordedRun.prediction(order: 1, isDynamic: true, alpha: 0.5))
    for (step, value) in [(0, 0), (5, 5), (10, 15), (15, 45)] as [(Int, Float)] {
      try run.add(step, [[value]])
    }
    // One layer: w = 1. s = sqrt(6 / 3).
    let got = try #require(try run.predicted(at: 17))
    #expect(abs(got[0] - (45 + 12 / 1.4142135624)) < 1e-8)
  }

  /// The first speed is its own mean, so that there s = 1.
  @Test func firstSpeedIsTheMean() throws {
    var run = try RecordedRun(RecordedRun.prediction(order: 3, isDynamic: true))
    try run.add(0, [[0]])
    try run.add(5, [[100]])
    #expect(try run.predicted(at: 6) == [120])
  }

  /// What stands still in every layer is predicted as it is.
  @Test func standingStill() throws {
    var run = try RecordedRun(RecordedRun.prediction(order: 3, isDynamic: true))
    for step in [0, 5, 10, 15] { try run.add(step, [[3, -0.1], [1e6, 0.7]]) }
    let got = try #require(try run.predicted(at: 17))
    #expect(abs(got[0] - 1e6) < 1e-8 && abs(got[1] - Double(Float(0.7))) < 1e-12)
  }

  /// A layer that is no number says nothing of the last one: w = 1.
  @Test func layersThatAreNoNumberDoNotCount() throws {
    let factor = try factor(lastLayer: [0, 5], otherLayers: [.nan])
    #expect(abs(try #require(factor) - 1) < 1e-12)
  }

  /// Linear, so that the change is the former one by k / K, divided by s and w.
  private func factor(
    lastLayer: [Float], otherLayers: [Float], alpha: Double = 1.5
  ) throws -> Double? {
    var run = try RecordedRun(
      RecordedRun.prediction(order: 1, isDynamic: true, alpha: alpha))
    for (index, value) in lastLayer.enumerated() {
      try run.add(5 * index, otherLayers.map { [Float(index) * $0] } + [[value]])
    }
    return run.weights(at: 5 * lastLayer.count - 1).map { -1 / ($0[1] * 5 / 4) }
  }

  /// r = 2 a / (a + b) of two layers lies below 2, so more of them are needed to pass a bound.
  @Test func layerFunctionIsBounded() throws {
    func w(_ last: Float, _ others: [Float]) throws -> Double? {
      try factor(lastLayer: [0, last], otherLayers: others)
    }
    // r = 6 / 2 and 10 / 2.5: inside, at the bound; 14 / 2 beyond.
    #expect(abs(try #require(try w(6, [0, 0])) - 0.5773502692) < 1e-9)
    #expect(abs(try #require(try w(10, [0, 0, 0])) - 0.5) < 1e-9)
    #expect(try w(14, [0, 0, 0, 0, 0, 0]) == 0.5)
    // r = 2 / 4, 1 / 4, 1 / 16.
    #expect(abs(try #require(try w(2, [6])) - 1.4142135624) < 1e-9)
    #expect(abs(try #require(try w(1, [7])) - 2) < 1e-9)
    #expect(try w(1, [31]) == 2)
  }

  @Test func speedFunctionIsBounded() throws {
    // Speeds 1, 1, 2 by 4/3: inside; 1, 1, 1, 1, 20 by 4.8: beyond; 9, 1 by 5: beyond.
    let inside = try #require(try factor(lastLayer: [0, 5, 10, 20], otherLayers: []))
    #expect(abs(inside - 1.8371173071) < 1e-9)
    #expect(try factor(lastLayer: [0, 5, 10, 15, 20, 120], otherLayers: []) == 2)
    #expect(try factor(lastLayer: [0, 45, 50], otherLayers: []) == 0.5)
  }

  /// Both functions at their bounds are in family still.
  @Test func bothBoundsTogetherAreInFamily() throws {
    let slow = try factor(
      lastLayer: [0, 45, 50], otherLayers: [Float](repeating: 0, count: 30))
    #expect(abs(try #require(slow) - 0.25) < 1e-9)
    let fast = try factor(
      lastLayer: [0, 5, 10, 15, 20, 120], otherLayers: [Float](repeating: 4000, count: 30))
    #expect(abs(try #require(fast) - 4) < 1e-9)
  }
}
