import CKernels

// Checks of attention's operands, and their translation into the kernels' structures.

extension Attention {
  static let rowTypes: [DType] = [.f32, .bf16]

  static func require(
    _ condition: Bool, _ expected: @autoclosure () -> String, _ found: @autoclosure () -> String
  ) throws {
    guard condition else {
      throw TensorError.shapeMismatch(
        operation: "attention", expected: expected(), found: found())
    }
  }

  static func validate(
    keys: Rows, values: Tensor, groupCount: Int, keyCount: Int?, arithmetic: Arithmetic
  ) throws {
    try keys.validate("attention, keys")
    try values.require(rank: 3, types: rowTypes, "attention, values")
    try require(values.shape == keys.values.shape, "values as keys", "\(values.shape)")
    try require(
      groupCount >= 1 && keys.count % groupCount == 0, "keys for \(groupCount) equal groups",
      "\(keys.count)")
    let count = keyCount ?? 0
    try require(
      count >= 0 && count <= keys.count / groupCount,
      "at most \(keys.count / groupCount) keys that count", "\(count)")
    guard arithmetic != .int8 else {
      throw TensorError.unsupportedType(operation: "attention", found: .i8)
    }
  }

  static func validate(
    queries: Rows, keys: PackedKeys, queriesPerGroup: Int?, scale: Float?, bias: Tensor?,
    output: Tensor
  ) throws {
    try queries.validate("attention, queries")
    try require(
      queries.headCount == keys.headCount && queries.headDimension == keys.headDimension,
      "\(keys.headCount) heads of \(keys.headDimension)", "\(queries.values.shape)")
    try require(
      queriesPerGroup != nil || keys.groupCount == 1, "queries per group",
      "none for \(keys.groupCount) groups")
    let (grouped, overflow) = (queriesPerGroup ?? queries.count)
      .multipliedReportingOverflow(by: keys.groupCount)
    try require(
      !overflow && grouped >= 0 && grouped <= queries.count,
      "\(queries.count) queries for \(keys.groupCount) groups", "\(queriesPerGroup ?? 0) per group")
    try require(scale.map { $0 >= 0 && $0.isFinite } ?? true, "a scale >= 0", "\(scale ?? 0)")
    if let bias {
      try validate(bias: bias, heads: keys.headCount)
      try require(
        bias.shape == [keys.headCount, queries.count, keys.keyCount],
        "a bias of \([keys.headCount, queries.count, keys.keyCount])", "\(bias.shape)")
    }
    try output.require(rank: 3, types: rowTypes, "attention, result")
    try require(
      output.shape == queries.values.shape, "a result of \(queries.values.shape)",
      "\(output.shape)")
    try output.requireWritable("attention")
  }

  static func validate(bias: Tensor, heads: Int) throws {
    try bias.require(rank: 3, types: [.f32], "attention, bias")
    try require(bias.shape[0] == heads, "a bias for \(heads) heads", "\(bias.shape)")
  }
}

extension Attention.Rows {
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`.
  func validate(_ operation: String) throws {
    try values.require(rank: 3, types: [.f32, .bf16], operation)
    let limit = Int(Int32.max)
    try Attention.require(
      headCount >= 1 && headDimension >= 1 && headCount <= limit && headDimension <= limit,
      "heads of at least one element", "\(values.shape)")
    try rowScale?.require(vector: count, "\(operation), row scale")
    try weight?.require(vector: headCount * headDimension, "\(operation), weight")
    if let rotation {
      try Attention.require(
        headDimension % 2 == 0, "an even head dimension to rotate", "\(headDimension)")
      try rotation.cosine.require(vector: count * headDimension / 2, "\(operation), cosines")
      try rotation.sine.require(vector: count * headDimension / 2, "\(operation), sines")
    }
  }

  var kernelRows: fp_attention_rows {
    fp_attention_rows(
      x: UnsafeRawPointer(values.pointer), type: values.dtype.kernelType,
      row: values.strides[0] * values.dtype.byteCount,
      head: values.strides[1] * values.dtype.byteCount, row_scale: rowScale?.floatPointer,
      weight: weight?.floatPointer, cosine: rotation?.cosine.floatPointer,
      sine: rotation?.sine.floatPointer)
  }
}
