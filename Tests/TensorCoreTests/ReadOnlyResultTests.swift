import TensorCore
import TestSupport
import Testing

/// Results that would go into a mapped file are errors, not faults of the processor.
@Suite struct ReadOnlyResultTests {
  static func readOnly(_ shape: Shape) throws -> Tensor {
    let tensor = try Tensor(blank: shape, dtype: .f32)
    try #require(!tensor.storage.isWritable)
    return tensor
  }

  static func ones(_ shape: Shape) throws -> Tensor {
    try Tensor([Float](repeating: 1, count: shape.count), shape: shape)
  }

  @Test func products() throws {
    let product = MatrixProduct(.init(try Self.ones([3, 4])), output: try Self.readOnly([2, 3]))
    #expect(throws: TensorError.readOnlyResult(operation: "matrix product")) {
      try MatrixProduct.run(Self.ones([2, 4]), [product], arithmetic: .f32)
    }
  }

  @Test func attention() throws {
    let rows = try Self.ones([5, 2, 8])
    let keys = try Attention.PackedKeys(
      keys: Attention.Rows(rows), values: rows, arithmetic: .f32)
    #expect(throws: TensorError.readOnlyResult(operation: "attention")) {
      try Attention.attend(Attention.Rows(rows), to: keys, into: Self.readOnly([5, 2, 8]))
    }
  }

  @Test func convolutions() throws {
    let convolution = try Convolution(weight: Self.ones([2, 3, 1, 1]), arithmetic: .f32)
    #expect(throws: TensorError.readOnlyResult(operation: "convolution")) {
      try convolution(Self.ones([1, 4, 4, 3]), output: Self.readOnly([1, 4, 4, 2]))
    }
  }

  @Test func elementByElement() throws {
    let (x, target) = (try Self.ones([2, 4]), try Self.readOnly([2, 4]))
    let operations: [() throws -> Tensor] = [
      { try x.applying(.silu, into: target) },
      { try x.combined(with: x, by: .add, into: target) },
      { try x.layerNorm(epsilon: 1e-6, into: target) },
      { try x.softmax(into: target) },
    ]
    for operation in operations { #expect(throws: TensorError.self) { try operation() } }
  }

  /// Frames that were padded for other channels are refused, not read past their end.
  @Test func framesOfAnotherConvolution() throws {
    let narrow = try Convolution(
      weight: Self.ones([2, 3, 3, 3]), geometry: .init(padding: [0, 1, 1]), arithmetic: .f32)
    let wide = try Convolution(
      weight: Self.ones([2, 300, 3, 3]), geometry: .init(padding: [0, 1, 1]), arithmetic: .f32)
    let frames = try narrow.padded(Self.ones([1, 4, 4, 3]))
    #expect(throws: TensorError.self) {
      try wide.convolve(frames, rows: 4, columns: 4, framePadding: 0)
    }
  }
}
