import TensorCore

// How tensors lie in memory: strides carry the layout, so a picture that a convolution made channels
// last stays so through every operator that does not mind.
extension Tensor {
  /// Axes from the slowest to the fastest in memory, where the elements lie without gaps in some
  /// order of axes; nil where they do not.
  package var denseOrder: [Int]? {
    if isContiguous { return Array(shape.axes.indices) }
    let order = shape.axes.indices.sorted { first, second in
      // Axes of size 1 take part with their neighbours' strides; they go where they stand.
      let (a, b) = (strides[first], strides[second])
      return a == b ? first < second : a > b
    }
    var expected = 1
    for axis in order.reversed() where shape[axis] != 1 {
      guard strides[axis] == expected else { return nil }
      expected *= shape[axis]
    }
    return order
  }

  /// Whether the elements lie without gaps, in whatever order: then they can be walked in memory
  /// order as `count` neighbours from `pointer` on.
  package var isDense: Bool { denseOrder != nil }

  /// The tensor itself where it is dense, else a row-major copy.
  package func dense() throws -> Tensor { isDense ? self : try contiguous() }

  /// Whether both have the same shape and, along every axis longer than 1, the same strides.
  package func hasLayout(of other: Tensor) -> Bool {
    guard shape == other.shape else { return false }
    return shape.axes.indices.allSatisfy { shape[$0] == 1 || strides[$0] == other.strides[$0] }
  }

  /// The elements of `[N, C, ...]` as `[N, ..., C]`, row-major: a view where they lie so already.
  package func channelsLastRows(on context: ComputeContext) throws -> Tensor {
    guard shape.rank > 2 else { return try contiguous() }
    let view = permuted([0] + Array(2..<shape.rank) + [1])
    if view.isContiguous { return view }
    let source = try contiguous()
    guard dtype == .f32 else { return try view.contiguous() }
    let positions = shape.axes.dropFirst(2).reduce(1, *)
    let result = try Tensor(uninitialized: view.shape, dtype: dtype)
    try source.transposePlanes(
      into: result, planes: shape[0], rows: shape[1], columns: positions, on: context)
    return result
  }

  /// Row-major elements: a view where they lie so already, by fast transposition where channels lie
  /// last.
  package func rowMajor(on context: ComputeContext) throws -> Tensor {
    if isContiguous { return self }
    guard dtype == .f32, shape.rank > 2 else { return try contiguous() }
    let view = permuted([0] + Array(2..<shape.rank) + [1])
    guard view.isContiguous else { return try contiguous() }
    let positions = shape.axes.dropFirst(2).reduce(1, *)
    let result = try Tensor(uninitialized: shape, dtype: dtype)
    try view.transposePlanes(
      into: result, planes: shape[0], rows: positions, columns: shape[1], on: context)
    return result
  }

  /// `[N, ..., C]` seen as `[N, C, ...]`.
  package func channelsFirstView() -> Tensor {
    guard shape.rank > 2 else { return self }
    return permuted([0, shape.rank - 1] + Array(1..<shape.rank - 1))
  }

  /// Each of `planes` matrices, `[rows, columns]`, turned over.
  private func transposePlanes(
    into result: Tensor, planes: Int, rows: Int, columns: Int, on context: ComputeContext
  ) throws {
    for plane in 0..<planes {
      let offset = plane * rows * columns * dtype.byteCount
      let from = Tensor(
        storage: storage, dtype: dtype, shape: [rows, columns], byteOffset: byteOffset + offset)
      let into = Tensor(
        storage: result.storage, dtype: dtype, shape: [columns, rows],
        byteOffset: result.byteOffset + offset)
      try from.transpose(into: into, on: context)
    }
  }
}
