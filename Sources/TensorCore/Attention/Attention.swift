import CKernels

/// Softmax attention in blocks of keys: `softmax(scale * q k^T + bias) v` for every head. Working
/// memory grows with the length, never with its square.
///
/// The same bytes for any number of threads, and for a query alone or among others.
package enum Attention {
  /// Cosines and sines of the angles by which the pairs (2i, 2i + 1) of a row are turned.
  package struct Rotation: Sendable {
    /// `[L, d / 2]` float32, contiguous; the same for every head.
    package var cosine: Tensor
    /// Of the shape of `cosine`.
    package var sine: Tensor

    package init(cosine: Tensor, sine: Tensor) {
      self.cosine = cosine
      self.sine = sine
    }
  }

  /// Queries or keys as a projection left them, and what is still to be done to them on the way
  /// into the product: `rotate(x * rowScale * weight)`, in float32.
  package struct Rows: Sendable {
    /// `[L, heads, d]` float32 or bfloat16, the last axis contiguous.
    package var values: Tensor
    /// `[L]` float32: the reciprocal root mean square of a whole row, all heads together.
    package var rowScale: Tensor?
    /// `[heads * d]` float32.
    package var weight: Tensor?
    /// Turns the pairs of each row; nil leaves them.
    package var rotation: Rotation?

    package init(
      _ values: Tensor, rowScale: Tensor? = nil, weight: Tensor? = nil, rotation: Rotation? = nil
    ) {
      self.values = values
      self.rowScale = rowScale
      self.weight = weight
      self.rotation = rotation
    }

    /// Rows: tokens.
    package var count: Int { values.shape[0] }
    /// Heads of each row.
    package var headCount: Int { values.shape[1] }
    /// Elements of a head of one row.
    package var headDimension: Int { values.shape[2] }

    /// Some of the heads.
    func heads(_ range: Range<Int>) -> Rows {
      var part = self
      let d = headDimension
      part.values = values.sliced(range, axis: 1)
      part.weight = weight?.sliced(range.lowerBound * d..<range.upperBound * d)
      return part
    }
  }

  /// Keys and values laid out for the kernels of one level: made once, attended to many times (the
  /// prompt's at every step).
  package struct PackedKeys: Sendable {
    /// Heads that queries must have too.
    package let headCount: Int
    /// Elements of a head of one key.
    package let headDimension: Int
    /// Sets of keys, each seen by its own group of query rows.
    package let groupCount: Int
    /// Keys in each group that count.
    package let keyCount: Int
    /// What keys and values were rounded for.
    package let arithmetic: Arithmetic
    let instructionSet: InstructionSet
    let memory: Tensor

    /// Bytes that the packed keys and values take.
    package var byteCount: Int { memory.byteCount }

    var kernelShape: fp_attention_shape {
      fp_attention_shape(
        compute: arithmetic.kernelCompute, heads: Int32(headCount), dim: Int32(headDimension),
        groups: Int64(groupCount), keys: Int64(keyCount))
    }

    /// - Parameters:
    ///   - keys: `[groupCount * n, heads, d]`.
    ///   - values: of the same shape, float32 or bfloat16, the last axis contiguous.
    ///   - keyCount: how many of the n keys of each group count, from the first on; the others are
    ///     never read. All where nil.
    ///   - arithmetic: `.f32`, or `.bf16`, which rounds queries, keys, values and weights.
    /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`, `.outOfMemory`.
    package init(
      keys: Rows, values: Tensor, groupCount: Int = 1, keyCount: Int? = nil,
      arithmetic: Arithmetic, on context: ComputeContext = .shared
    ) throws {
      try self.init(
        keys: keys, values: values, groupCount: groupCount, keyCount: keyCount,
        arithmetic: arithmetic, reusing: nil, on: context)
    }

    /// - Parameter reusing: memory of keys packed before that nobody attends to any more; taken
    ///   where it is large enough, since fresh pages cost more than the packing.
    init(
      keys: Rows, values: Tensor, groupCount: Int, keyCount: Int?, arithmetic: Arithmetic,
      reusing old: Tensor?, on context: ComputeContext
    ) throws {
      try Attention.validate(
        keys: keys, values: values, groupCount: groupCount, keyCount: keyCount,
        arithmetic: arithmetic)
      let groupRows = keys.count / groupCount
      headCount = keys.headCount
      headDimension = keys.headDimension
      self.groupCount = groupCount
      self.keyCount = keyCount ?? groupRows
      self.arithmetic = arithmetic
      instructionSet = context.instructionSet
      var request = fp_attention_keys()
      request.shape = fp_attention_shape(
        compute: arithmetic.kernelCompute, heads: Int32(headCount), dim: Int32(headDimension),
        groups: Int64(groupCount), keys: Int64(self.keyCount))
      request.k = keys.kernelRows
      request.v = Rows(values).kernelRows
      request.group_rows = Int64(groupRows)
      let kernels = context.kernels
      let needed = fp_attention_packed_bytes(kernels, &request.shape)
      let target =
        if let old, old.byteCount >= needed { old } else {
          try Tensor(uninitialized: [needed], dtype: .u8)
        }
      memory = target
      let scratch = try WorkerScratch(
        byteCount: fp_attention_pack_scratch_bytes(kernels, &request.shape), context: context)
      let tasks = Int(fp_attention_pack_tasks(kernels, &request.shape))
      context.pool.forEach(tasks) { task, worker in
        fp_attention_pack(
          kernels, &request, Int64(task), target.pointer, scratch.pointer(of: worker))
      }
      withExtendedLifetime((keys, values)) {}
    }
  }

  /// Attends to packed keys.
  ///
  /// - Parameters:
  ///   - queries: `[L, heads, d]`.
  ///   - keys: packed on a context of the same instruction set.
  ///   - queriesPerGroup: rows `g * n ..< (g + 1) * n` see the keys of group g; rows past the last
  ///     group become zero. May be nil where there is one group.
  ///   - scale: of the scores, not negative; 1 / sqrt(d) where nil.
  ///   - bias: `[heads, L, keyCount]` float32, the last axis contiguous, added to the scaled
  ///     scores; minus infinity excludes a key. A row without any key becomes zero.
  ///   - output: `[L, heads, d]` float32 or bfloat16, the last axis contiguous; written in place. It
  ///     may be the queries' own memory (the same storage, type and strides).
  ///   - adding: add to `output` instead of overwriting it.
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`, `.readOnlyResult`, `.outOfMemory`.
  package static func attend(
    _ queries: Rows, to keys: PackedKeys, queriesPerGroup: Int? = nil, scale: Float? = nil,
    bias: Tensor? = nil, into output: Tensor, adding: Bool = false,
    on context: ComputeContext = .shared
  ) throws {
    precondition(
      keys.instructionSet == context.instructionSet,
      "keys packed for \(keys.instructionSet), attended to with \(context.instructionSet)")
    try validate(
      queries: queries, keys: keys, queriesPerGroup: queriesPerGroup, scale: scale, bias: bias,
      output: output)
    var request = fp_attention_queries()
    request.shape = keys.kernelShape
    request.q = queries.kernelRows
    request.queries = Int64(queries.count)
    request.group_queries = Int64(queriesPerGroup ?? queries.count)
    request.scale = scale ?? 1 / Float(queries.headDimension).squareRoot()
    if let bias {
      request.bias = bias.floatPointer
      request.bias_head = bias.strides[0] * 4
      request.bias_row = bias.strides[1] * 4
    }
    request.y = output.pointer
    request.y_type = output.dtype.kernelType
    request.y_row = output.strides[0] * output.dtype.byteCount
    request.y_head = output.strides[1] * output.dtype.byteCount
    request.add = adding
    let kernels = context.kernels
    let scratch = try WorkerScratch(
      byteCount: fp_attention_scratch_bytes(kernels, &request.shape), context: context)
    let packed = keys.memory.pointer
    context.pool.forEach(Int(fp_attention_tasks(kernels, &request))) { task, worker in
      fp_attention_attend(kernels, &request, packed, Int64(task), scratch.pointer(of: worker))
    }
    withExtendedLifetime((queries, keys, bias, output)) {}
  }

  /// Bytes of packed keys and values, and of scratch memory for each thread, that attending to
  /// `length` keys takes; the latter do not depend on the length beyond a block of keys.
  package static func memory(
    length: Int, heads: Int, headDimension: Int, arithmetic: Arithmetic,
    on context: ComputeContext = .shared
  ) -> (packed: Int, scratch: Int) {
    var shape = fp_attention_shape(
      compute: arithmetic.kernelCompute, heads: Int32(heads), dim: Int32(headDimension), groups: 1,
      keys: Int64(length))
    return (
      fp_attention_packed_bytes(context.kernels, &shape),
      fp_attention_scratch_bytes(context.kernels, &shape)
    )
  }

  /// Packed keys and values of one call take at most this much memory, or those of one head: longer
  /// ones go a few heads at a time.
  private static let packedLimit = 64 << 20

  /// Attention in one call, where keys and values are used once.
  ///
  /// - Parameters:
  ///   - queries: `[L, heads, d]`.
  ///   - keys: `[groupCount * n, heads, d]`.
  ///   - values: of the same shape, float32 or bfloat16, the last axis contiguous.
  ///   - outputType: `.f32` or `.bf16`, of a new result.
  ///   - output: where the result goes instead, as in `attend(_:to:)`; it may be the queries' own
  ///     memory (the same storage, type and strides).
  /// - Returns: `[L, heads, d]`. For the other parameters see `attend(_:to:)` and `PackedKeys`.
  /// - Throws: `TensorError.shapeMismatch`, `.unsupportedType`, `.outOfMemory`.
  package static func attend(
    _ queries: Rows, keys: Rows, values: Tensor, groupCount: Int = 1, keyCount: Int? = nil,
    queriesPerGroup: Int? = nil, scale: Float? = nil, bias: Tensor? = nil,
    arithmetic: Arithmetic, outputType: DType = .f32, into target: Tensor? = nil,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    try validate(
      keys: keys, values: values, groupCount: groupCount, keyCount: keyCount,
      arithmetic: arithmetic)
    try queries.validate("attention, queries")
    let heads = queries.headCount
    try require(heads == keys.headCount, "\(keys.headCount) heads", "\(heads) of the queries")
    if let bias { try validate(bias: bias, heads: heads) }
    let output =
      try target
      ?? Tensor(uninitialized: [queries.count, heads, queries.headDimension], dtype: outputType)
    try output.require(rank: 3, types: rowTypes, "attention, result")
    try require(
      output.shape == queries.values.shape, "a result of \(queries.values.shape)",
      "\(output.shape)")
    let bytesPerHead = memory(
      length: keys.count, heads: 1, headDimension: keys.headDimension, arithmetic: arithmetic,
      on: context
    ).packed
    let step = max(1, packedLimit / max(bytesPerHead, 1))
    var memory: Tensor?
    for first in stride(from: 0, to: heads, by: step) {
      let range = first..<min(first + step, heads)
      let packed = try PackedKeys(
        keys: keys.heads(range), values: values.sliced(range, axis: 1), groupCount: groupCount,
        keyCount: keyCount, arithmetic: arithmetic, reusing: memory, on: context)
      memory = packed.memory
      try attend(
        queries.heads(range), to: packed, queriesPerGroup: queriesPerGroup, scale: scale,
        bias: bias?.sliced(range), into: output.sliced(range, axis: 1), on: context)
    }
    return output
  }
}
