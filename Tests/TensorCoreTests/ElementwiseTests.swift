import Foundation
import TensorCore
import Testing

@Suite struct ElementwiseTests {
  private let shape: Shape = [3, 41, 1009]

  /// The function in double.
  private func reference(_ function: UnaryFunction, _ x: Double) -> Double {
    switch function {
    case .geluTanh: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .geluErf: 0.5 * x * (1 + erf(x / 2.0.squareRoot()))
    case .silu: x / (1 + Foundation.exp(-x))
    case .relu: max(x, 0)
    case .sigmoid: 1 / (1 + Foundation.exp(-x))
    case .tanh: Foundation.tanh(x)
    case .exp: Foundation.exp(x)
    }
  }

  @Test(arguments: UnaryFunction.allCases) func functions(_ function: UnaryFunction) throws {
    let x = try TestTensors.tensor(shape, scale: 8)
    let want = try x.floats().map { Float(reference(function, Double($0))) }
    for result in try TestTensors.resultsOfLevels({ try x.applying(function, on: $0) }) {
      try TestTensors.expectClose(result, want, absolute: 2e-6, relative: 3e-7)
    }
    // BF16 in and out: half a place of rounding, and the few where float32 lay at a tie.
    let half = try x.converted(to: .bf16)
    let wantHalf = try half.floats().map { Float(reference(function, Double($0))) }
    for result in try TestTensors.resultsOfLevels({ try half.applying(function, on: $0) }) {
      #expect(result.dtype == .bf16)
      try TestTensors.expectClose(result, wantHalf, absolute: 2e-6, relative: 0x1.02p-8)
    }
  }

  @Test func arithmetic() throws {
    let a = try TestTensors.tensor(shape)
    let b = try TestTensors.tensor(shape, seed: 2)
    let pairs = Array(zip(try a.floats(), try b.floats()))
    let sums = pairs.map { $0 + $1 }
    let differences = pairs.map { $0 - $1 }
    let products = pairs.map { $0 * $1 }
    for (function, want) in [
      (BinaryFunction.add, sums), (.subtract, differences), (.multiply, products),
    ] {
      for result in try TestTensors.resultsOfLevels({
        try a.combined(with: b, by: function, on: $0)
      }) {
        #expect(try result.floats() == want)
      }
    }
    let scaled = pairs.map { $1.addingProduct($0, 0.3) }
    for result in try TestTensors.resultsOfLevels({ try a.scaled(by: 0.3, adding: b, on: $0) }) {
      #expect(try result.floats() == scaled)
    }
    let affine = pairs.map { Float(0.25).addingProduct($0.0, -1.7) }
    for result in try TestTensors.resultsOfLevels({ try a.affine(scale: -1.7, shift: 0.25, on: $0) }
    ) {
      #expect(try result.floats() == affine)
    }
  }

  @Test func gatedAddWritesIntoItsResidual() throws {
    let x = try TestTensors.tensor(shape, dtype: .bf16)
    let gate = try TestTensors.tensor([1009], seed: 3)
    let residual = try TestTensors.tensor(shape, seed: 4)
    let gates = try gate.floats()
    let rest = try residual.floats()
    let want = try x.floats().enumerated().map { index, value in
      rest[index].addingProduct(gates[index % 1009], value)
    }
    for result in try TestTensors.resultsOfLevels({ context in
      let stream = try residual.affine(scale: 1, on: context)
      let y = try x.gated(by: gate, adding: stream, into: stream, on: context)
      #expect(y.pointer == stream.pointer)
      return y
    }) {
      #expect(try result.floats() == want)
    }
  }

  @Test func viewsAreReadInTheirOwnOrder() throws {
    let x = try TestTensors.tensor([6, 10]).permuted([1, 0]).sliced(2..<7)
    let y = try x.combined(with: x, by: .add)
    #expect(try y.floats() == x.floats().map { $0 + $0 })
    #expect(y.shape == [5, 6])
  }

  @Test func emptyTensors() throws {
    let empty = try Tensor([], shape: [0, 4])
    #expect(try empty.applying(.silu).count == 0)
    #expect(try empty.softmax().count == 0)
    #expect(try Tensor([], shape: [3, 0]).layerNorm(epsilon: 1e-6).count == 0)
  }

  @Test func unfitOperandsAreRefused() throws {
    let x = try TestTensors.tensor([4, 6])
    #expect(throws: TensorError.unsupportedType(operation: "silu", found: .i32)) {
      try Tensor(zeros: [4], dtype: .i32).applying(.silu)
    }
    #expect(throws: TensorError.unsupportedType(operation: "silu", found: .f16)) {
      try x.applying(.silu, as: .f16)
    }
    #expect(
      throws: TensorError.shapeMismatch(operation: "add", expected: "[4, 6]", found: "[6, 4]")
    ) {
      try x.combined(with: TestTensors.tensor([6, 4]), by: .add)
    }
    #expect(
      throws: TensorError.shapeMismatch(
        operation: "gated add", expected: "6 values, one for each channel", found: "[4]")
    ) {
      try x.gated(by: TestTensors.tensor([4]), adding: x)
    }
    #expect(throws: TensorError.self) { try x.applying(.silu, into: TestTensors.tensor([24])) }
  }
}
