/// A stream of normally distributed numbers that depends on a seed alone, as `torch.Generator`.
package protocol RandomGenerator: Sendable {
  /// The next `shape.count` numbers with mean 0 and variance 1 (`torch.randn`).
  ///
  /// - Parameter dtype: `.f32`, or `.bf16`, for which PyTorch may draw other numbers.
  /// - Throws: `TensorError.unsupportedType`, `.outOfMemory`.
  mutating func normal(_ shape: Shape, dtype: DType) throws -> Tensor
}

extension RandomGenerator {
  /// The next numbers as float32.
  package mutating func normal(_ shape: Shape) throws -> Tensor {
    try normal(shape, dtype: .f32)
  }
}

/// Hands float32 numbers on in the type that was asked for.
///
/// - Throws: `TensorError.unsupportedType` for all but float32 and bfloat16.
func randomTensor(_ values: [Float], shape: Shape, dtype: DType) throws -> Tensor {
  guard dtype == .f32 || dtype == .bf16 else {
    throw TensorError.unsupportedType(operation: "normal", found: dtype)
  }
  return try Tensor(values, shape: shape).converted(to: dtype)
}
