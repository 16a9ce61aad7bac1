import TensorCore

/// A linear layer, `y = x w^T + b` (torch `nn.Linear`), with what surrounds it fused into the product.
package struct Linear: Sendable {
  /// `[out, in]` where it lies, a mapped file included.
  package let weight: Tensor
  /// `[out]` float32, nil where the layer has none.
  package let bias: Tensor?

  /// Claims "weight" and, unless told otherwise, "bias".
  ///
  /// - Parameter weights: the source, scoped to the layer ("blocks.0.self_attn.q.").
  package init(
    _ inputs: Int, _ outputs: Int, bias hasBias: Bool = true, weights: any TensorSource
  ) throws {
    weight = try weights.claim("weight", shape: [outputs, inputs])
    bias = hasBias ? try weights.claim("bias", shape: [outputs], as: .f32) : nil
  }

  /// - Parameters:
  ///   - weight: `[out, in]`.
  ///   - bias: `[out]` float32.
  package init(weight: Tensor, bias: Tensor?) {
    self.weight = weight
    self.bias = bias
  }

  /// The layer as one of several products of the same rows.
  ///
  /// - Parameters:
  ///   - output: `[M, out]`, written in place.
  ///   - epilogue: what follows the bias, which is put in here.
  package func product(
    into output: Tensor, epilogue: MatrixProduct.Epilogue = .init()
  ) -> MatrixProduct {
    var epilogue = epilogue
    epilogue.bias = bias
    return MatrixProduct(MatrixProduct.Weights(weight), epilogue: epilogue, output: output)
  }

  /// - Parameters:
  ///   - x: `[M, in]`.
  ///   - prologue: of each row of x.
  ///   - epilogue: what follows the bias, which is put in here.
  ///   - outputType: of a new result; the execution's activation type where nil.
  ///   - output: `[M, out]` to write to instead.
  /// - Returns: `[M, out]`.
  package func callAsFunction(
    _ x: Tensor, prologue: MatrixProduct.Prologue = .init(),
    epilogue: MatrixProduct.Epilogue = .init(), outputType: DType? = nil,
    into output: Tensor? = nil,
    _ execution: Execution
  ) throws -> Tensor {
    let result =
      try output
      ?? Tensor(
        uninitialized: [x.shape[0], weight.shape[0]],
        dtype: outputType ?? execution.activationType)
    try MatrixProduct.run(
      x, prologue: prologue, [product(into: result, epilogue: epilogue)],
      arithmetic: execution.arithmetic, on: execution.context)
    return result
  }
}
