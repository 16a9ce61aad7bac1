import Foundation
import TensorCore
import Testing

@Suite struct RotaryEmbeddingTests {
  /// The definition, pair by pair, in double.
  private func reference(
    _ x: [Float], grid: (Int, Int, Int), heads: Int, d: Int, override: RotaryOverride? = nil
  ) -> [Float] {
    let pairs = d / 2
    let side = pairs / 3
    let temporal = pairs - 2 * side
    var result = x
    for position in 0..<(grid.0 * grid.1 * grid.2) {
      let place = [
        position / (grid.1 * grid.2), position / grid.2 % grid.1, position % grid.2,
      ]
      for head in 0..<heads {
        for pair in 0..<pairs {
          let group = pair < temporal ? 0 : pair < temporal + side ? 1 : 2
          let size = group == 0 ? temporal : side
          let index = group == 0 ? pair : (pair - temporal) % side
          var frequency = pow(10_000, -Double(index) / Double(size))
          if let override, group == 0, override.pair == index { frequency = override.frequency }
          let angle = Double(place[group]) * frequency
          let at = (position * heads + head) * d + 2 * pair
          let even = Double(x[at])
          let odd = Double(x[at + 1])
          result[at] = Float(even * cos(angle) - odd * sin(angle))
          result[at + 1] = Float(even * sin(angle) + odd * cos(angle))
        }
      }
    }
    return result
  }

  @Test(arguments: [(128, 2), (32, 3), (20, 2)]) func turnsPairsByPosition(d: Int, heads: Int)
    throws
  {
    let table = try RotaryTable(frames: 5, rows: 7, columns: 6, headDimension: d)
    let padding = 3
    let x = try TestTensors.tensor([table.positions + padding, heads, d])
    let want = reference(try x.floats(), grid: (5, 7, 6), heads: heads, d: d)
    for result in try TestTensors.resultsOfLevels({ try x.rotated(by: table, on: $0) }) {
      try TestTensors.expectClose(result, want, absolute: 2.5e-7)
      #expect(try result.floats().suffix(padding * heads * d) == want.suffix(padding * heads * d))
    }
  }

  @Test func halfPrecisionInPlace() throws {
    let table = try RotaryTable(frames: 3, rows: 4, columns: 5, headDimension: 128)
    let x = try TestTensors.tensor([60, 2, 128], dtype: .bf16)
    let want = reference(try x.floats(), grid: (3, 4, 5), heads: 2, d: 128)
    for result in try TestTensors.resultsOfLevels({ context in
      let copy = try x.affine(scale: 1, on: context)
      return try copy.rotated(by: table, into: copy, on: context)
    }) {
      try TestTensors.expectClose(result, want, absolute: 1e-6, relative: 0x1.02p-8)
    }
  }

  @Test func riflexSlowsOneTemporalPair() throws {
    let override = RotaryOverride.riflex(k: 6, frames: 40)
    #expect(override == RotaryOverride(pair: 5, frequency: 0.9 * 2 * .pi / 40))
    let table = try RotaryTable(
      frames: 9, rows: 2, columns: 3, headDimension: 128, override: override)
    let x = try TestTensors.tensor([54, 1, 128])
    let want = reference(
      try x.floats(), grid: (9, 2, 3), heads: 1, d: 128, override: override)
    try TestTensors.expectClose(x.rotated(by: table), want, absolute: 2.5e-7)
  }

  @Test func aPartStartsInTheMiddle() throws {
    let table = try RotaryTable(frames: 2, rows: 4, columns: 4, headDimension: 32)
    let x = try TestTensors.tensor([32, 2, 32])
    let whole = try x.rotated(by: table).sliced(9..<20)
    let part = try x.sliced(9..<20).rotated(by: table, from: 9)
    #expect(try part.floats() == whole.floats())
  }

  @Test func unfitShapesAreRefused() throws {
    let table = try RotaryTable(frames: 1, rows: 1, columns: 1, headDimension: 16)
    #expect(throws: TensorError.self) { try TestTensors.tensor([1, 2, 18]).rotated(by: table) }
    #expect(throws: TensorError.self) { try TestTensors.tensor([1, 32]).rotated(by: table) }
    #expect(throws: TensorError.self) {
      try RotaryTable(frames: 1, rows: 1, columns: 1, headDimension: 15)
    }
    #expect(throws: TensorError.self) {
      try RotaryTable(
        frames: 1, rows: 1, columns: 1, headDimension: 16, override: .riflex(k: 6, frames: 9))
    }
  }

  /// Attention that turns its rows itself gives what it gives for rows turned before.
  @Test func attentionTakesTheTable() throws {
    let table = try RotaryTable(frames: 2, rows: 3, columns: 4, headDimension: 26)
    let (queries, keys, values) = (
      try TestTensors.tensor([10, 2, 26], seed: 1), try TestTensors.tensor([24, 2, 26], seed: 2),
      try TestTensors.tensor([24, 2, 26], seed: 3)
    )
    let turned = try Attention.attend(
      .init(queries.rotated(by: table, from: 14)), keys: .init(keys.rotated(by: table)),
      values: values, arithmetic: .f32)
    let fused = try Attention.attend(
      .init(queries, rotation: table.rotation(14..<24)),
      keys: .init(keys, rotation: table.rotation(0..<24)), values: values, arithmetic: .f32)
    // Roundings of products fused with their sum and not.
    try TestTensors.expectClose(fused, try turned.floats(), absolute: 2e-6)
    #expect(throws: TensorError.self) { try table.rotation(14..<25) }
  }
}
