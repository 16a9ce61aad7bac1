import Diffusion
import Foundation
import TensorCore
import Testing

/// When a step is computed after all, and what is kept of a run.
@Suite struct PredictionGuardTests {
  /// Full steps 0, 5, 10 with first difference 1 and second difference c at the last: the change to
  /// step 10 + k, by unit of distance, is 1 + c (k + 5) of the former one.
  private func run(secondDifference c: Float, order: Int = 2) throws -> RecordedRun {
    var run = try RecordedRun(RecordedRun.prediction(order: order))
    // 5 (1 - 10 c) lie between the first two, and 5 between the last two.
    for (step, value) in [(0, -10 + 50 * c), (5, -5), (10, 0)] {
      // The other layer would be out of family by far.
      try run.add(step, [[Float(step * step) * 1000, 0], [value, 0]])
    }
    return run
  }

  /// 1 + 6 c for the step after the full one, 1 + 9 c four steps after it.
  @Test(arguments: [
    (0.4999, 1, true), (0.5001, 1, false), (0.3332, 4, true), (0.3334, 4, false),
    (-0.1249, 1, true), (-0.1251, 1, false), (-0.0833, 4, true), (-0.0834, 4, false),
    (0, 1, true), (0, 4, true),
  ])
  func family(secondDifference: Float, k: Int, isInside: Bool) throws {
    let run = try run(secondDifference: secondDifference)
    #expect((run.weights(at: 10 + k) != nil) == isInside)
  }

  /// The bounds themselves are inside: 1 + 6 / 2 and 1 - 6 / 8.
  @Test(arguments: [Float(0.5), -0.125])
  func boundsAreInside(secondDifference: Float) throws {
    #expect(try run(secondDifference: secondDifference).weights(at: 11) != nil)
  }

  /// A straight line is in family at any distance, since changes are compared by unit of distance.
  @Test(arguments: LatentPrediction.Clock.allCases, [1, 2, 5, 20])
  func linesAreInFamily(clock: LatentPrediction.Clock, distance: Int) throws {
    for series in LatentPrediction.Series.allCases {
      var prediction = RecordedRun.prediction(order: 3, series)
      prediction.clock = clock
      var run = try RecordedRun(prediction)
      for step in [0, 1, 3, 8] { try run.add(step, [[Float(run.position(step)), 1]]) }
      #expect(run.weights(at: 8 + distance) != nil)
    }
  }

  /// A change out of nothing is out of family, whatever its size.
  @Test func changeAfterStandstill() throws {
    var run = try RecordedRun(RecordedRun.prediction(order: 2))
    for (step, value) in [(0, 1), (5, 2), (10, 2)] as [(Int, Float)] {
      try run.add(step, [[value]])
    }
    #expect(run.weights(at: 11) == nil)
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func whatIsNoNumberIsNotPredicted(value: Float) throws {
    var run = try RecordedRun(RecordedRun.prediction(order: 1, isDynamic: true))
    try run.add(0, [[0], [0]])
    try run.add(5, [[5], [5]])
    try run.add(10, [[value], [value]])
    #expect(run.weights(at: 11) == nil)
    try run.add(11, [[11], [11]])
    #expect(run.weights(at: 12) == nil)
    // Once it is no node any more, all is as if it had not been.
    try run.add(12, [[12], [12]])
    let got = try #require(try run.predicted(at: 14))
    #expect(abs(got[0] - 14) < 1e-9)
    let file = try JSONEncoder().encode(run.record)
    #expect(try JSONDecoder().decode(PredictionRecord.self, from: file) == run.record)
  }

  /// A run goes on from a file to the very bits.
  @Test func recordsAreKeptToTheBit() throws {
    var prediction = RecordedRun.prediction(order: 3, isDynamic: true)
    prediction.clock = .sigmas
    var run = try RecordedRun(prediction)
    #expect(try restored(run.record) == run.record)
    for step in [0, 5, 7, 12] {
      try run.add(step, layers(at: step))
      var other = run
      other.record = try restored(run.record)
      #expect(other.record == run.record)
      let bits = [run, other].map { $0.weights(at: step + 1)?.map(\.bitPattern) }
      #expect(bits[0] != nil && bits[0] == bits[1])
      // Nor does the next full step tell them apart.
      try other.add(step + 1, layers(at: step + 1))
      var next = run
      try next.add(step + 1, layers(at: step + 1))
      #expect(other.record == next.record)
    }
  }

  private func layers(at step: Int) -> [[Float]] {
    let x = Float(step)
    return [[sin(x / 9), 1 / (x + 3)], [exp(x / 40), cos(x / 30)]]
  }

  private func restored(_ record: PredictionRecord) throws -> PredictionRecord {
    try JSONDecoder().decode(PredictionRecord.self, from: JSONEncoder().encode(record))
  }
}
