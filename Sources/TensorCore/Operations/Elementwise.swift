import CKernels

/// Functions of one number.
package enum UnaryFunction: CaseIterable, Sendable {
  case geluTanh, geluErf, silu, relu, sigmoid, tanh, exp

  var kernelFunction: fp_unary {
    switch self {
    case .geluTanh: FP_UNARY_GELU_TANH
    case .geluErf: FP_UNARY_GELU_ERF
    case .silu: FP_UNARY_SILU
    case .relu: FP_UNARY_RELU
    case .sigmoid: FP_UNARY_SIGMOID
    case .tanh: FP_UNARY_TANH
    case .exp: FP_UNARY_EXP
    }
  }
}

/// Functions of two numbers a and b.
package enum BinaryFunction: CaseIterable, Sendable {
  case add, subtract, multiply
  /// SiLU(a) * b.
  case siluMultiply
  /// GELU(a) * b, with tanh.
  case geluTanhMultiply

  var kernelFunction: fp_binary {
    switch self {
    case .add: FP_BINARY_ADD
    case .subtract: FP_BINARY_SUBTRACT
    case .multiply: FP_BINARY_MULTIPLY
    case .siluMultiply: FP_BINARY_SILU_MULTIPLY
    case .geluTanhMultiply: FP_BINARY_GELU_TANH_MULTIPLY
    }
  }
}

/// Element-by-element operations on tensors of F32 or BF16: computed in float32 and rounded once.
///
/// All take `into`: a contiguous tensor of the right shape to write to, of F32 or BF16; it may be
/// an input that has its type. Without it they make one of `type`, or of the input's type. All
/// throw `TensorError.unsupportedType` and `.shapeMismatch`.
extension Tensor {
  /// f(x) of every element x.
  package func applying(
    _ function: UnaryFunction, as type: DType? = nil, into target: Tensor? = nil,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    let x = try contiguousOperand("\(function)")
    let y = try x.result("\(function)", type: type, into: target)
    context.forEachChunk(of: count) { start, length in
      context.kernels.pointee.elementwise.unary(
        function.kernelFunction, y.pointer(at: start), y.dtype.kernelType, x.pointer(at: start),
        x.dtype.kernelType, length)
    }
    return y
  }

  /// f(a, b) of this tensor's elements a and another's, b; the shapes are equal.
  package func combined(
    with other: Tensor, by function: BinaryFunction, as type: DType? = nil,
    into target: Tensor? = nil, on context: ComputeContext = .shared
  ) throws -> Tensor {
    let a = try contiguousOperand("\(function)")
    let b = try other.contiguousOperand("\(function)", shape: shape)
    let y = try a.result("\(function)", type: type, into: target)
    context.forEachChunk(of: count) { start, length in
      context.kernels.pointee.elementwise.binary(
        function.kernelFunction, y.pointer(at: start), y.dtype.kernelType, a.pointer(at: start),
        a.dtype.kernelType, b.pointer(at: start), b.dtype.kernelType, length)
    }
    return y
  }

  /// scale * a + b of this tensor's elements a and another's, b; the shapes are equal.
  package func scaled(
    by scale: Float, adding other: Tensor, as type: DType? = nil, into target: Tensor? = nil,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    let a = try contiguousOperand("scale and add")
    let b = try other.contiguousOperand("scale and add", shape: shape)
    let y = try a.result("scale and add", type: type, into: target)
    context.forEachChunk(of: count) { start, length in
      context.kernels.pointee.elementwise.scale_add(
        scale, y.pointer(at: start), y.dtype.kernelType, a.pointer(at: start), a.dtype.kernelType,
        b.pointer(at: start), b.dtype.kernelType, length)
    }
    return y
  }

  /// scale * x + shift of every element x.
  package func affine(
    scale: Float, shift: Float = 0, as type: DType? = nil, into target: Tensor? = nil,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    let x = try contiguousOperand("affine")
    let y = try x.result("affine", type: type, into: target)
    context.forEachChunk(of: count) { start, length in
      context.kernels.pointee.elementwise.affine(
        scale, shift, y.pointer(at: start), y.dtype.kernelType, x.pointer(at: start),
        x.dtype.kernelType, length)
    }
    return y
  }

  /// gate * x + residual, the gate one value for each channel (the last axis).
  ///
  /// - Parameters:
  ///   - gate: `[width]`, converted to F32.
  ///   - residual: of this tensor's shape.
  package func gated(
    by gate: Tensor, adding residual: Tensor, as type: DType? = nil, into target: Tensor? = nil,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    let x = try contiguousOperand("gated add")
    let rest = try residual.contiguousOperand("gated add", shape: shape)
    let width = x.rowWidth
    let factors = try gate.channelVector("gated add", width: width, on: context)
    let y = try x.result("gated add", type: type, into: target)
    context.forEachRows(of: x.rowCount, width: width) { rows in
      var arguments = fp_gated_add(
        x: x.pointer, residual: rest.pointer, y: y.pointer, x_type: x.dtype.kernelType,
        residual_type: rest.dtype.kernelType, y_type: y.dtype.kernelType,
        gate: factors.floatElements, width: Int64(width))
      context.kernels.pointee.elementwise.gated_add(
        &arguments, Int64(rows.lowerBound), Int64(rows.upperBound))
    }
    return y
  }
}
