import CKernels

/// Normalisation along the last axis, computed in float32. `into` and `type` are as for the
/// element-by-element operations; all throw `TensorError.unsupportedType` and `.shapeMismatch`.
extension Tensor {
  /// (x - mean) / sqrt(variance + epsilon) * multiply + add, with the biased variance of each row.
  ///
  /// - Parameters:
  ///   - multiply, add: `[width]`, converted to F32; nil stands for 1 and 0.
  package func layerNorm(
    epsilon: Float, multiply: Tensor? = nil, add: Tensor? = nil, as type: DType? = nil,
    into target: Tensor? = nil, on context: ComputeContext = .shared
  ) throws -> Tensor {
    try normalized(
      Normalization(operation: "LayerNorm", norm: FP_NORM_LAYER, epsilon: epsilon),
      multiply: multiply, add: add, type: type, target: target, context: context)
  }

  /// x / sqrt(mean of squares + epsilon) * multiply + add of each row.
  ///
  /// - Parameters:
  ///   - multiply, add: `[width]`, converted to F32; nil stands for 1 and 0.
  package func rmsNorm(
    epsilon: Float, multiply: Tensor? = nil, add: Tensor? = nil, as type: DType? = nil,
    into target: Tensor? = nil, on context: ComputeContext = .shared
  ) throws -> Tensor {
    try normalized(
      Normalization(operation: "RMSNorm", norm: FP_NORM_RMS, epsilon: epsilon),
      multiply: multiply, add: add, type: type, target: target, context: context)
  }

  /// x / max(|x|, 1e-12) * sqrt(C) * gamma over the channels of each position, then SiLU where asked
  /// for (`RMS_norm` of the Wan VAE).
  ///
  /// - Parameters:
  ///   - gamma: `[C]` in any shape of that count, converted to F32.
  package func channelNorm(
    gamma: Tensor, silu: Bool = false, as type: DType? = nil, into target: Tensor? = nil,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    try normalized(
      Normalization(
        operation: "channel norm", norm: FP_NORM_NONE, epsilon: 1e-12, isChannelNorm: true,
        silu: silu),
      multiply: gamma, add: nil, type: type, target: target, context: context)
  }

  /// Shares of the powers along the last axis: e^x / sum of e^x. A row of minus infinity alone, or
  /// with NaN or plus infinity, becomes NaN.
  package func softmax(
    as type: DType? = nil, into target: Tensor? = nil, on context: ComputeContext = .shared
  ) throws -> Tensor {
    let x = try contiguousOperand("softmax")
    let y = try x.result("softmax", type: type, into: target)
    context.forEachRows(of: x.rowCount, width: x.rowWidth) { rows in
      var arguments = fp_softmax_args(
        x: x.pointer, y: y.pointer, x_type: x.dtype.kernelType, y_type: y.dtype.kernelType,
        width: Int64(x.rowWidth))
      context.kernels.pointee.softmax.rows(
        &arguments, Int64(rows.lowerBound), Int64(rows.upperBound))
    }
    return y
  }

  /// Which norm, of those that one kernel call can do.
  private struct Normalization {
    let operation: String
    let norm: fp_norm
    let epsilon: Float
    var isChannelNorm = false
    var silu = false
  }

  private func normalized(
    _ kind: Normalization, multiply: Tensor?, add: Tensor?, type: DType?, target: Tensor?,
    context: ComputeContext
  ) throws -> Tensor {
    let x = try contiguousOperand(kind.operation)
    let width = x.rowWidth
    let factors = try multiply?.channelVector(kind.operation, width: width, on: context)
    let terms = try add?.channelVector(kind.operation, width: width, on: context)
    let y = try x.result(kind.operation, type: type, into: target)
    context.forEachRows(of: x.rowCount, width: width) { rows in
      var arguments = fp_norm_args(
        x: x.pointer, y: y.pointer, x_type: x.dtype.kernelType, y_type: y.dtype.kernelType,
        x_row: width * x.dtype.byteCount, y_row: width * y.dtype.byteCount, width: Int64(width),
        norm: kind.norm, epsilon: kind.epsilon, multiply: factors?.floatElements,
        add: terms?.floatElements, silu: kind.silu)
      let kernels = context.kernels.pointee.norm
      let begin = Int64(rows.lowerBound)
      let end = Int64(rows.upperBound)
      if kind.isChannelNorm {
        kernels.channels(&arguments, begin, end)
      } else {
        kernels.rows(&arguments, begin, end)
      }
    }
    return y
  }
}
