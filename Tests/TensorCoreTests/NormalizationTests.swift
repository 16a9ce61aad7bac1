import Foundation
import TensorCore
import Testing

@Suite struct NormalizationTests {
  private let rows = 37, width = 5120

  private func perRow(_ values: [Float], _ body: ([Double]) -> [Double]) -> [Float] {
    stride(from: 0, to: values.count, by: width).flatMap { start in
      body(values[start..<start + width].map(Double.init)).map { Float($0) }
    }
  }

  @Test(arguments: [DType.f32, .bf16]) func layerNorm(_ dtype: DType) throws {
    let x = try TestTensors.tensor([rows, width], scale: 3, dtype: dtype)
    let multiply = try TestTensors.tensor([width], seed: 5)
    let add = try TestTensors.tensor([width], seed: 6)
    let factors = try multiply.floats()
    let terms = try add.floats()
    let want = perRow(try x.floats()) { row in
      let mean = row.reduce(0, +) / Double(width)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
      return row.indices.map {
        (row[$0] - mean) / (variance + 1e-6).squareRoot() * Double(factors[$0]) + Double(terms[$0])
      }
    }
    for result in try TestTensors.resultsOfLevels({
      try x.layerNorm(epsilon: 1e-6, multiply: multiply, add: add, as: .f32, on: $0)
    }) {
      try TestTensors.expectClose(result, want, absolute: 2e-6, relative: 1e-6)
    }
  }

  @Test func rmsNorm() throws {
    let x = try TestTensors.tensor([rows, width], scale: 3)
    let want = perRow(try x.floats()) { row in
      let square = row.reduce(0) { $0 + $1 * $1 } / Double(width)
      return row.map { $0 / (square + 1e-6).squareRoot() }
    }
    for result in try TestTensors.resultsOfLevels({ try x.rmsNorm(epsilon: 1e-6, on: $0) }) {
      try TestTensors.expectClose(result, want, relative: 1e-6)
    }
  }

  @Test(arguments: [false, true]) func channelNorm(silu: Bool) throws {
    let x = try TestTensors.tensor([2, 9, 11, 96], scale: 3)
    let gamma = try TestTensors.tensor([96, 1, 1, 1], seed: 7)
    let factors = try gamma.floats()
    let values = try x.floats()
    var want: [Float] = []
    for start in stride(from: 0, to: values.count, by: 96) {
      let row = values[start..<start + 96].map(Double.init)
      let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for (value, factor) in zip(row, factors) {
        let y = value / max(norm, 1e-12) * 96.0.squareRoot() * Double(factor)
        want.append(Float(silu ? y / (1 + exp(-y)) : y))
      }
    }
    for result in try TestTensors.resultsOfLevels({
      try x.channelNorm(gamma: gamma, silu: silu, on: $0)
    }) {
      try TestTensors.expectClose(result, want, absolute: 1e-6, relative: 1e-6)
    }
  }

  @Test func softmax() throws {
    let x = try TestTensors.tensor([rows, width], scale: 10)
    let want = perRow(try x.floats()) { row in
      let largest = row.max()!
      let sum = row.reduce(0) { $0 + exp($1 - largest) }
      return row.map { exp($0 - largest) / sum }
    }
    for result in try TestTensors.resultsOfLevels({ try x.softmax(on: $0) }) {
      try TestTensors.expectClose(result, want, relative: 4e-6)
    }
  }

  @Test func softmaxOfMaskedRows() throws {
    let x = try Tensor(
      [-.infinity, 0, 1, -.infinity, -.infinity, -.infinity], shape: [2, 3])
    let want: [Float] = [0, 0.26894143, 0.73105854, .nan, .nan, .nan]
    for result in try TestTensors.resultsOfLevels({ try x.softmax(on: $0) }) {
      try TestTensors.expectClose(result, want, relative: 2e-7)
    }
  }
}
