import CKernels

/// What an adapter adds to a weight.
package enum WeightTerm: Sendable {
  /// scale * up * down: `up` is [rows, rank], `down` [rank, columns].
  case lowRank(up: Tensor, down: Tensor, scale: Float)

  /// scale * values, of the weight's own shape.
  case dense(Tensor, scale: Float)
}

extension Tensor {
  /// The weight with terms added: sums in float32, rounded once. The tensor itself is not changed.
  ///
  /// The first axis counts as rows, all others together as columns.
  ///
  /// - Parameter dtype: type of the result, nil for the weight's own.
  /// - Throws: `TensorError.shapeMismatch` where a term does not fit.
  package func adding(
    _ terms: [WeightTerm], as dtype: DType? = nil, on context: ComputeContext = .shared
  ) throws -> Tensor {
    let rows = shape.rank >= 2 ? shape[0] : 1
    let columns = rows == 0 ? 0 : count / rows
    if terms.count == 1, dtype ?? self.dtype == .bf16,
      let sum = try adding(inBFloat16: terms[0], rows: rows, columns: columns, on: context)
    {
      return sum
    }
    let source = try contiguous()
    let terms = try terms.map { try $0.prepared(rows: rows, columns: columns, on: context) }
    let result = try Tensor(uninitialized: shape, dtype: dtype ?? self.dtype)
    // About a second-level cache of float32 sums for each piece of work: the kernel packs `down`
    // anew for each.
    let step = max(8, (1 << 18) / max(columns, 1) / 8 * 8)
    let sums = try (0..<context.pool.threadCount).map { _ in
      try Tensor(uninitialized: [min(step, max(rows, 1)), max(columns, 1)], dtype: .f32)
    }
    let kernels = context.kernels.pointee
    context.pool.forEach(rows.dividedUp(by: step)) { piece, worker in
      let start = piece * step
      let height = min(step, rows - start)
      let sum = sums[worker].pointer
      let first = start * columns
      kernels.convert.convert(
        sum, FP_F32, source.pointer + first * source.dtype.byteCount, source.dtype.kernelType,
        height * columns)
      for term in terms { term.add(to: sum, row: start, rows: height, columns, kernels) }
      kernels.convert.convert(
        result.pointer + first * result.dtype.byteCount, result.dtype.kernelType, sum, FP_F32,
        height * columns)
    }
    return result
  }

  /// A pair in bfloat16 added to a weight in bfloat16, which published adapters and weights mostly are:
  /// in a fraction of the time, since nothing becomes float32 in memory.
  ///
  /// - Returns: nil where they are anything else, or where the processor multiplies no bfloat16.
  /// - Throws: `TensorError.shapeMismatch` where the pair does not fit.
  private func adding(
    inBFloat16 term: WeightTerm, rows: Int, columns: Int, on context: ComputeContext
  ) throws -> Tensor? {
    let kernels = context.kernels.pointee.lowrank
    guard let merge = kernels.merge, let pack = kernels.pack, dtype == .bf16, count > 0,
      case .lowRank(let up, let down, let scale) = term, up.dtype == .bf16, down.dtype == .bf16
    else { return nil }
    try WeightTerm.check(up, down, rows: rows, columns: columns)
    let rank = up.shape[1]
    let (source, left, right) = (try contiguous(), try up.contiguous(), try down.contiguous())
    let result = try Tensor(uninitialized: shape, dtype: .bf16)
    let packed = try Tensor(
      uninitialized: [fp_lowrank_packed_bytes(Int64(rank), Int64(columns))], dtype: .u8)
    func elements(_ tensor: Tensor, from first: Int) -> UnsafeMutablePointer<UInt16> {
      tensor.pointer.assumingMemoryBound(to: UInt16.self) + first
    }
    pack(packed.pointer, elements(right, from: 0), columns, Int64(rank), Int64(columns))
    let step = 64
    context.pool.forEach(rows.dividedUp(by: step)) { piece, _ in
      let start = piece * step
      merge(
        elements(result, from: start * columns), elements(source, from: start * columns), columns,
        elements(left, from: start * rank), rank, packed.pointer, Int64(min(step, rows - start)),
        Int64(rank), Int64(columns), scale)
    }
    return withExtendedLifetime((source, left, right, packed)) { result }
  }
}

extension WeightTerm {
  /// - Throws: `TensorError.shapeMismatch` where a pair does not fit a weight.
  fileprivate static func check(_ up: Tensor, _ down: Tensor, rows: Int, columns: Int) throws {
    guard up.shape.rank == 2, down.shape.rank == 2, up.shape[0] == rows,
      down.shape == [up.shape[1], columns]
    else {
      throw TensorError.shapeMismatch(
        operation: "low-rank sum", expected: "[\(rows), r] and [r, \(columns)]",
        found: "\(up.shape) and \(down.shape)")
    }
  }

  /// The term with contiguous float32 tensors.
  fileprivate func prepared(
    rows: Int, columns: Int, on context: ComputeContext
  ) throws -> WeightTerm {
    switch self {
    case .lowRank(let up, let down, let scale):
      try Self.check(up, down, rows: rows, columns: columns)
      return .lowRank(
        up: try up.converted(to: .f32, on: context),
        down: try down.converted(to: .f32, on: context),
        scale: scale)
    case .dense(let values, let scale):
      guard values.count == rows * columns else {
        throw TensorError.shapeMismatch(
          operation: "sum", expected: "\(rows * columns) values", found: "\(values.count)")
      }
      return .dense(try values.converted(to: .f32, on: context), scale: scale)
    }
  }

  /// Adds the term's rows to float32 sums.
  fileprivate func add(
    to sums: UnsafeMutableRawPointer, row: Int, rows: Int, _ columns: Int, _ kernels: fp_kernels
  ) {
    let target = sums.assumingMemoryBound(to: Float.self)
    switch self {
    case .lowRank(let up, let down, let scale):
      let rank = up.shape[1]
      kernels.lowrank.add(
        target, columns, up.pointer.assumingMemoryBound(to: Float.self) + row * rank, rank,
        down.pointer.assumingMemoryBound(to: Float.self), columns, Int64(rows), Int64(rank),
        Int64(columns), scale)
    case .dense(let values, let scale):
      let source = values.pointer.assumingMemoryBound(to: Float.self) + row * columns
      for index in 0..<(rows * columns) { target[index] += scale * source[index] }
    }
  }
}
