import TensorCore

/// The rows of one text on their way through the encoder: where they stand in the text, and which of
/// them are attended to.
struct TokenRows {
  /// Of this text among the rows of all texts.
  let range: Range<Int>
  /// Of each row in its text.
  private let positions: [Int]
  private let keys: Keys

  /// The rows that are attended to.
  private enum Keys {
    /// The first n of rows that stand side by side.
    case leading(Int)
    /// For each row whether it is one.
    case scattered([Bool])
    /// Not one of them: a row then takes the mean of all values, since the published code gives every
    /// masked key the same lowest score.
    case none
  }

  /// - Parameters:
  ///   - text: the tokens and their mask.
  ///   - coversAll: whether masked rows go along, though nobody attends to them.
  ///   - start: of these rows among those of all texts.
  init(_ text: TextTokens, coversAll: Bool, start: Int) {
    let positions = text.mask.indices.filter { coversAll || text.mask[$0] }
    let counted = positions.map { text.mask[$0] }
    let leading = counted.prefix { $0 }.count
    let areNeighbours = zip(positions, positions.dropFirst()).allSatisfy { $0 + 1 == $1 }
    if !counted.contains(true) {
      keys = .none
    } else if areNeighbours, !counted.dropFirst(leading).contains(true) {
      keys = .leading(leading)
    } else {
      keys = .scattered(counted)
    }
    self.positions = positions
    range = start..<start + positions.count
  }

  /// Attention of these rows among themselves, unscaled, with a bias by distance.
  ///
  /// - Parameters:
  ///   - queries, keys, values: `[rows of all texts, heads, d]`; the result takes the queries' place.
  ///   - table: `[buckets, heads]` float32: a bias for each class of distances.
  func attend(
    _ queries: Tensor, keys: Tensor, values: Tensor, table: Tensor, arithmetic: Arithmetic,
    on context: ComputeContext
  ) throws {
    let output = queries.sliced(range)
    var asking = output
    var keyCount: Int?
    var bias: Tensor?
    switch self.keys {
    case .leading(let count):
      keyCount = count
      bias = try diagonalBias(table, keyCount: count)
    case .scattered(let counted):
      bias = try wholeBias(table, counted, on: context)
    case .none:
      asking = try Tensor(zeros: output.shape, dtype: output.dtype)
    }
    _ = try Attention.attend(
      Attention.Rows(asking), keys: Attention.Rows(keys.sliced(range)),
      values: values.sliced(range), keyCount: keyCount, scale: 1, bias: bias,
      arithmetic: arithmetic, into: output, on: context)
  }

  /// The bias of rows that stand side by side, `[heads, rows, keyCount]`: equal along diagonals, so
  /// all of a head's rows are views of one, each an element before the last one.
  private func diagonalBias(_ table: Tensor, keyCount: Int) throws -> Tensor {
    let rows = positions.count
    let heads = table.shape[1]
    let width = rows - 1 + keyCount
    let classes = RelativePositions(bucketCount: table.shape[0])
    let line = try Tensor(uninitialized: [heads, width], dtype: .f32)
    let target = line.pointer.assumingMemoryBound(to: Float.self)
    let source = table.pointer.assumingMemoryBound(to: Float.self)
    for index in 0..<width {
      let bucket = classes.bucket(of: index - (rows - 1))
      for head in 0..<heads { target[head * width + index] = source[bucket * heads + head] }
    }
    return Tensor(
      storage: line.storage, dtype: .f32, shape: [heads, rows, keyCount], strides: [width, -1, 1],
      byteOffset: (rows - 1) * DType.f32.byteCount)
  }

  /// The bias of any rows, `[heads, rows, rows]`: minus infinity for those that are not attended to.
  private func wholeBias(
    _ table: Tensor, _ counted: [Bool], on context: ComputeContext
  ) throws -> Tensor {
    let rows = positions.count
    let heads = table.shape[1]
    let classes = RelativePositions(bucketCount: table.shape[0])
    let span = (positions.last ?? 0) - (positions.first ?? 0)
    let buckets = (-span...span).map(classes.bucket)
    let bias = try Tensor(uninitialized: [heads, rows, rows], dtype: .f32)
    let source = table.pointer.assumingMemoryBound(to: Float.self)
    context.pool.forEach(heads) { head in
      var target = bias.pointer.assumingMemoryBound(to: Float.self) + head * rows * rows
      for query in positions {
        for (key, counts) in zip(positions, counted) {
          target.pointee =
            counts ? source[buckets[key - query + span] * heads + head] : -.infinity
          target += 1
        }
      }
    }
    return bias
  }
}
