import Foundation
import TensorCore
import Testing

@Suite struct ReductionTests {
  @Test(arguments: [0, 1, 5, 4096, 4097, 100_003], [DType.f32, .bf16])
  func moments(count: Int, dtype: DType) throws {
    let x = try TestTensors.tensor([count], scale: 5, dtype: dtype)
    let values = try x.floats().map(Double.init)
    let sum = values.reduce(0, +)
    let mean = sum / Double(count)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let results = try TestTensors.contexts().map { try x.moments(on: $0) }
    for result in results {
      // The same bits for any threads, and at any level too.
      #expect(result == results[0])
      #expect(result.count == count)
      #expect(abs(result.sum - sum) <= 1e-12 * Double(count))
      #expect(abs(result.squaredDeviations - squares) <= 1e-12 * squares)
    }
    let first = results[0]
    if count > 1 {
      let deviation = (squares / Double(count - 1)).squareRoot()
      #expect(abs(first.standardDeviation - deviation) < 1e-12 * deviation)
    } else {
      #expect(first.standardDeviation.isNaN)
    }
    #expect(try x.sum() == first.sum)
  }

  /// A mean far from zero must not swallow the deviation.
  @Test func deviationAroundALargeMean() throws {
    let x = try Tensor(TestTensors.values(50_000).map { 10_000 + $0 }, shape: [50_000])
    let values = try x.floats().map(Double.init)
    let mean = values.reduce(0, +) / 50_000
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let want = (squares / 49_999).squareRoot()
    #expect(abs(try x.moments().standardDeviation - want) < 1e-9 * want)
  }

  @Test func extremes() throws {
    var values = TestTensors.values(70_001, scale: 3)
    values[69_999] = -17
    values[123] = 9
    let x = try Tensor(values, shape: [values.count])
    for context in try TestTensors.contexts() {
      let result = try x.extremes(on: context)
      #expect(result == Extremes(smallest: -17, largest: 9))
      #expect(result.magnitude == 17)
    }
    values[40_000] = .nan
    let broken = try Tensor(values, shape: [values.count])
    for context in try TestTensors.contexts() {
      #expect(try broken.extremes(on: context).magnitude.isNaN)
    }
    #expect(throws: TensorError.self) { try Tensor([], shape: [0]).extremes() }
  }

  @Test func rows() throws {
    let x = try TestTensors.tensor([7, 9001], scale: 2)
    let first = try x.rowMoments(on: TestTensors.contexts()[0])
    for context in try TestTensors.contexts() {
      #expect(try x.rowMoments(on: context) == first)
    }
    for row in 0..<7 {
      #expect(try x.sliced(row..<row + 1).moments() == first[row])
    }
  }
}
