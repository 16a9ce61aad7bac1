import CKernels

// Checks of a product's operands, and their translation into the kernels' structures.

extension MatrixProduct {
  /// Sums of 8-bit products fit into 32 bits up to here: 255 * 128 * 65,536 < 2^31.
  private static let int8InputLimit = 1 << 16

  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`.
  func validate(_ x: Tensor, prologue: Prologue, arithmetic: Arithmetic) throws {
    let rows: [DType] = [.f32, .bf16]
    try x.require(rank: 2, types: rows + [.f16], "matrix product, rows")
    let m = x.shape[0]
    let k = x.shape[1]
    let weightTypes: [DType] =
      arithmetic == .int8 ? [.i8] : [.f32, .bf16, .f16, .f64, .f8e4m3, .f8e5m2]
    try weights.values.require(rank: 2, types: weightTypes, "matrix product, weights")
    let n = weights.outputCount
    guard weights.inputCount == k else {
      throw TensorError.shapeMismatch(
        operation: "matrix product", expected: "weights for \(k) inputs",
        found: "\(weights.values.shape)")
    }
    try weights.scale?.require(vector: n, "scale of the weights")
    guard arithmetic != .int8 || weights.scale != nil else {
      throw TensorError.shapeMismatch(
        operation: "matrix product", expected: "a scale for 8-bit weights", found: "none")
    }
    guard arithmetic != .int8 || k <= Self.int8InputLimit else {
      throw TensorError.shapeMismatch(
        operation: "matrix product", expected: "at most \(Self.int8InputLimit) inputs in 8 bits",
        found: "\(k)")
    }
    try prologue.multiply?.require(vector: k, "prologue")
    try prologue.add?.require(vector: k, "prologue")
    if let addend = prologue.addend {
      try addend.require(rank: 2, types: rows + [.f16], "prologue, addend")
      guard addend.shape == x.shape else {
        throw TensorError.shapeMismatch(
          operation: "prologue, addend", expected: "\(x.shape)", found: "\(addend.shape)")
      }
    }
    try epilogue.bias?.require(vector: n, "bias")
    try epilogue.gate?.require(vector: n, "gate")
    for matrix in [epilogue.factor, epilogue.residual, output].compactMap(\.self) {
      try matrix.require(rank: 2, types: rows, "matrix product, result")
      guard matrix.shape == [m, n] else {
        throw TensorError.shapeMismatch(
          operation: "matrix product", expected: "\([m, n])", found: "\(matrix.shape)")
      }
    }
    try output.requireWritable("matrix product")
  }

  func kernelEpilogue(rows: Range<Int>) -> fp_epilogue {
    var result = fp_epilogue()
    result.bias = epilogue.bias?.floatPointer
    result.activation = epilogue.activation.kernelActivation
    result.gate = epilogue.gate?.floatPointer
    if let factor = epilogue.factor?.sliced(rows) {
      result.factor = UnsafeRawPointer(factor.pointer)
      result.factor_type = factor.dtype.kernelType
      result.factor_row = factor.rowBytes
    }
    if let residual = epilogue.residual?.sliced(rows) {
      result.residual = UnsafeRawPointer(residual.pointer)
      result.residual_type = residual.dtype.kernelType
      result.residual_row = residual.rowBytes
    }
    let target = output.sliced(rows)
    result.y = target.pointer
    result.y_type = target.dtype.kernelType
    result.y_row = target.rowBytes
    return result
  }
}

extension MatrixProduct.Prologue {
  func kernelPrologue(of x: Tensor) -> fp_prologue {
    var result = fp_prologue()
    result.x = UnsafeRawPointer(x.pointer)
    result.x_type = x.dtype.kernelType
    result.x_row = x.rowBytes
    switch norm {
    case .none: result.norm = FP_NORM_NONE
    case .layer(let epsilon):
      result.norm = FP_NORM_LAYER
      result.epsilon = epsilon
    case .rms(let epsilon):
      result.norm = FP_NORM_RMS
      result.epsilon = epsilon
    }
    result.multiply = multiply?.floatPointer
    result.add = add?.floatPointer
    if let addend {
      result.addend = UnsafeRawPointer(addend.pointer)
      result.addend_type = addend.dtype.kernelType
      result.addend_row = addend.rowBytes
      result.addend_factor = addendFactor
    }
    return result
  }
}

extension MatrixProduct.Weights {
  var kernelWeights: fp_weights {
    fp_weights(
      w: UnsafeRawPointer(values.pointer), type: values.dtype.kernelType, row: values.rowBytes,
      depth_major: depthMajor, scale: scale?.floatPointer)
  }
}

extension Tensor {
  /// Bytes between neighbouring rows of a matrix.
  var rowBytes: Int { strides[0] * dtype.byteCount }

  /// The first element of a float32 tensor.
  var floatPointer: UnsafePointer<Float> {
    UnsafePointer(pointer.assumingMemoryBound(to: Float.self))
  }

  /// - Throws: unless this is a matrix of one of the types whose rows are contiguous.
  func require(rank: Int, types: [DType], _ operation: String) throws {
    guard types.contains(dtype) else {
      throw TensorError.unsupportedType(operation: operation, found: dtype)
    }
    guard shape.rank == rank, shape[-1] <= 1 || strides[rank - 1] == 1 else {
      throw TensorError.shapeMismatch(
        operation: operation, expected: "\(rank) axes, the last contiguous",
        found: "\(shape) with strides \(strides)")
    }
  }

  /// - Throws: `TensorError.readOnlyResult` where writing would be refused by the processor.
  func requireWritable(_ operation: String) throws {
    guard storage.isWritable else { throw TensorError.readOnlyResult(operation: operation) }
  }

  /// - Throws: unless this is a contiguous float32 vector of that length.
  func require(vector count: Int, _ operation: String) throws {
    guard dtype == .f32 else {
      throw TensorError.unsupportedType(operation: operation, found: dtype)
    }
    guard shape.count == count, isContiguous else {
      throw TensorError.shapeMismatch(
        operation: operation, expected: "[\(count)]", found: "\(shape)")
    }
  }
}
