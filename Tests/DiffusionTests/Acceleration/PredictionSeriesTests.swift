import Diffusion
import TensorCore
import Testing

/// The series with s = w = 1.
@Suite struct PredictionSeriesTests {
  /// Evenly spaced nodes, then nodes as fallbacks leave them.
  static let fullSteps = [[0, 5, 10, 15, 20], [0, 3, 5, 6, 11], [1, 2, 3, 10, 12]]

  /// What is sampled changes linearly, which is in family at any distance.
  private func run(
    _ steps: [Int], _ series: LatentPrediction.Series, order: Int,
    _ clock: LatentPrediction.Clock = .steps
  ) throws -> RecordedRun {
    var prediction = RecordedRun.prediction(order: order, series)
    prediction.clock = clock
    var run = try RecordedRun(prediction)
    for step in steps { try run.add(step, [[Float(run.position(step)) * 64]]) }
    return run
  }

  private static func power(_ x: Double, _ exponent: Int) -> Double {
    (0..<exponent).reduce(1) { product, _ in product * x }
  }

  @Test(
    arguments: LatentPrediction.Series.allCases.flatMap { series in
      LatentPrediction.Clock.allCases.map { (series, $0) }
    }, 1...4)
  func linearIsPredictedForwards(
    _ kind: (LatentPrediction.Series, LatentPrediction.Clock), order: Int
  ) throws {
    for steps in Self.fullSteps {
      let run = try run(steps, kind.0, order: order, kind.1)
      for step in steps[4] + 1...29 {
        let x = run.position(step)
        let got = try #require(run.predicted(at: step) { 7 - 3 * $0 })
        #expect(abs(got - (7 - 3 * x)) < 1e-9)
      }
    }
  }

  /// 10 at step 5, 20 at step 10: 22 at step 11, where a step backwards would give 18.
  @Test(arguments: LatentPrediction.Series.allCases)
  func directionIsForwards(series: LatentPrediction.Series) throws {
    var run = try RecordedRun(RecordedRun.prediction(order: 1, series))
    try run.add(5, [[10, -10]])
    try run.add(10, [[20, -20]])
    for (step, value) in [(11, 22.0), (12, 24), (13, 26), (14, 28)] {
      let got = try #require(try run.predicted(at: step))
      #expect(abs(got[0] - value) < 1e-12 && abs(got[1] + value) < 1e-12)
    }
  }

  @Test(arguments: LatentPrediction.Clock.allCases, 1...4)
  func newtonIsExactForPolynomials(clock: LatentPrediction.Clock, order: Int) throws {
    for steps in Self.fullSteps {
      let run = try run(steps, .newton, order: order, clock)
      for degree in 0...order {
        func polynomial(_ x: Double) -> Double {
          2 * Self.power(x, degree) - 5 * Self.power(x, max(degree - 1, 0)) + 1
        }
        for step in steps[4] + 1...29 {
          let want = polynomial(run.position(step))
          let got = try #require(run.predicted(at: step, of: polynomial))
          #expect(abs(got - want) < 1e-9 * max(1, abs(want)))
        }
      }
    }
  }

  /// One degree more is too much, so exactness is not a property of the test.
  @Test(arguments: LatentPrediction.Clock.allCases, 1...4)
  func newtonIsOffForOneDegreeMore(clock: LatentPrediction.Clock, order: Int) throws {
    for steps in Self.fullSteps {
      let run = try run(steps, .newton, order: order, clock)
      let x = run.position(steps[4] + 2)
      let got = try #require(
        run.predicted(at: steps[4] + 2) { Self.power($0, order + 1) })
      // The remainder of f = x^(n + 1): the product of the distances from all nodes.
      let remainder = run.record.nodes.reduce(1.0) { $0 * (x - $1.position) }
      let error = Self.power(x, order + 1) - got
      #expect(abs(error - remainder) < 1e-9 * max(1, Self.power(x, order + 1)))
      #expect(abs(remainder) > 1e-9)
    }
  }

  /// 05: for the step's square the published series is off by K k.
  @Test(arguments: [2, 3, 4], 1...4)
  func taylorIsOffForSquares(order: Int, k: Int) throws {
    let run = try run([0, 5, 10, 15, 20], .taylor, order: order)
    let got = try #require(run.predicted(at: 20 + k) { $0 * $0 })
    let x = Double(20 + k)
    #expect(abs(x * x - got - Double(5 * k)) < 1e-9)
  }

  /// Both series as they are published, by finite differences over evenly spaced full steps.
  @Test(arguments: LatentPrediction.Series.allCases, 1...4)
  func publishedFormulas(series: LatentPrediction.Series, order: Int) throws {
    let values: [Double] = [3, -2, 7, 11, 4]  // at steps 0, 5 ... 20
    var differences = [Array(values.reversed())]  // D^i at the full steps, newest first
    for _ in 1...4 {
      let last = differences[differences.count - 1]
      differences.append(zip(last.dropFirst(), last).map { $0 - $1 })
    }
    let run = try run([0, 5, 10, 15, 20], series, order: order)
    for k in 1...4 {
      var want = 0.0
      for i in 0...order {
        let factorial = (0..<i).reduce(1.0) { $0 * Double($1 + 1) }
        let factor =
          switch series {
          case .taylor: Self.power(-Double(k) / 5, i)
          case .newton: (0..<i).reduce(1.0) { $0 * (-Double(k) / 5 - Double($1)) }
          }
        want += differences[i][0] * factor / factorial
      }
      let got = try #require(run.predicted(at: 20 + k) { values[Int($0) / 5] })
      #expect(abs(got - want) < 1e-9)
    }
  }

  @Test func positions() throws {
    let schedule = try NoiseSchedule.euler(steps: 30, shift: 5)
    let sigmas = (0..<30).map { LatentPrediction.Clock.sigmas.position(of: $0, in: schedule) }
    #expect(sigmas == Array(schedule.sigmas.dropLast()))
    let steps = (0..<30).map { LatentPrediction.Clock.steps.position(of: $0, in: schedule) }
    #expect(steps == (0..<30).map(Double.init))
  }

  /// The order grows with what is there, and stops at what is asked for.
  @Test func orderGrows() throws {
    var run = try RecordedRun(RecordedRun.prediction(order: 3))
    #expect(run.weights(at: 1) == nil)
    func cube(_ x: Double) -> Double { x * x * x }
    for (full, order) in zip([0, 5, 10, 15, 20, 25], [0, 1, 2, 3, 3, 3]) {
      try run.add(full, [[Float(full)]])
      let weights = try #require(run.weights(at: full + 2))
      #expect(weights.count == order + 1 && run.record.nodes.count == order + 1)
      #expect(run.record.nodes.map(\.step) == (0...order).map { full - 5 * $0 })
      #expect(abs(weights.reduce(0, +) - 1) < 1e-12)
      let x = Double(full + 2)
      let got = try #require(run.predicted(at: full + 2, of: cube))
      #expect((abs(got - cube(x)) < 1e-8) == (order == 3))
    }
  }

  @Test func orderZeroUsesTheLastFullStepAgain() throws {
    var run = try RecordedRun(RecordedRun.prediction(order: 0, isDynamic: true))
    for full in [0, 5, 10] {
      try run.add(full, [[Float(full), 1]])
      #expect(run.weights(at: full + 4) == [1])
      #expect(try run.predicted(at: full + 1) == [Double(full), 1])
    }
  }
}
