import TensorCore

/// An affine layer norm (torch `nn.LayerNorm`), mostly fused into the product that follows.
package struct LayerNorm: Sendable {
  /// `[width]` float32.
  package let weight: Tensor
  /// `[width]` float32.
  package let bias: Tensor
  package let epsilon: Float

  /// Claims "weight" and "bias".
  package init(_ width: Int, epsilon: Float, weights: any TensorSource) throws {
    weight = try weights.claim("weight", shape: [width], as: .f32)
    bias = try weights.claim("bias", shape: [width], as: .f32)
    self.epsilon = epsilon
  }

  /// The norm on the way into a product.
  package var prologue: MatrixProduct.Prologue {
    .init(norm: .layer(epsilon: epsilon), multiply: weight, add: bias)
  }

  /// The norm by itself, along the last axis.
  package func callAsFunction(
    _ x: Tensor, as type: DType? = nil, _ execution: Execution
  ) throws -> Tensor {
    try x.layerNorm(
      epsilon: epsilon, multiply: weight, add: bias, as: type, on: execution.context)
  }
}

/// A root-mean-square norm with a weight for each channel (T5's, and Wan's `WanRMSNorm`).
package struct RMSNorm: Sendable {
  /// `[width]` float32.
  package let weight: Tensor
  package let epsilon: Float

  /// Claims "weight".
  package init(_ width: Int, epsilon: Float, weights: any TensorSource) throws {
    weight = try weights.claim("weight", shape: [width], as: .f32)
    self.epsilon = epsilon
  }

  /// The norm on the way into a product.
  package var prologue: MatrixProduct.Prologue {
    .init(norm: .rms(epsilon: epsilon), multiply: weight)
  }

  /// The norm by itself, along the last axis.
  package func callAsFunction(
    _ x: Tensor, as type: DType? = nil, _ execution: Execution
  ) throws -> Tensor {
    try x.rmsNorm(epsilon: epsilon, multiply: weight, as: type, on: execution.context)
  }
}
