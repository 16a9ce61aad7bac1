import CKernels

/// Count, sum and spread of numbers.
package struct Moments: Sendable, Equatable {
  /// How many numbers.
  package let count: Int

  /// Of all numbers, in float64.
  package let sum: Double

  /// Sum of the squared deviations from the mean.
  package let squaredDeviations: Double

  /// NaN for no numbers.
  package var mean: Double { sum / Double(count) }

  /// With the divisor `count - 1`; NaN for fewer than two numbers.
  package var standardDeviation: Double {
    count < 2 ? .nan : (squaredDeviations / Double(count - 1)).squareRoot()
  }
}

/// Smallest and largest of numbers; NaN where one is NaN.
package struct Extremes: Sendable, Equatable {
  package let smallest: Float, largest: Float

  package init(smallest: Float, largest: Float) {
    self.smallest = smallest
    self.largest = largest
  }

  /// Largest magnitude.
  package var magnitude: Float {
    smallest.isNaN ? .nan : max(abs(smallest), abs(largest))
  }
}

/// Reductions of tensors of F32 or BF16. Numbers are cut into blocks of a fixed size, whose results
/// are joined pairwise in a fixed order: the bits of a result depend neither on the threads nor on
/// the instruction set. All throw `TensorError.unsupportedType`.
extension Tensor {
  /// Count, sum and squared deviations of all elements.
  package func moments(on context: ComputeContext = .shared) throws -> Moments {
    Moments(try reducedMoments(squares: true, on: context))
  }

  /// Sum of all elements.
  package func sum(on context: ComputeContext = .shared) throws -> Double {
    try reducedMoments(squares: false, on: context).sum
  }

  /// Mean of all elements; NaN for none.
  package func mean(on context: ComputeContext = .shared) throws -> Double {
    try sum(on: context) / Double(count)
  }

  /// Smallest and largest element.
  ///
  /// - Throws: also `TensorError.shapeMismatch` where there is no element.
  package func extremes(on context: ComputeContext = .shared) throws -> Extremes {
    let x = try contiguousOperand("extremes")
    guard count > 0 else {
      throw TensorError.shapeMismatch(
        operation: "extremes", expected: "at least one element", found: "\(shape)")
    }
    let joined = Self.reduceBlocks(
      of: count, on: context, empty: fp_extremes(smallest: .infinity, largest: -.infinity),
      join: fp_join_extremes
    ) { start, length in
      context.kernels.pointee.reduce.extremes(
        x.pointer(at: start), x.dtype.kernelType, length)
    }
    return Extremes(smallest: joined.smallest, largest: joined.largest)
  }

  /// Moments of every row (along the last axis).
  package func rowMoments(on context: ComputeContext = .shared) throws -> [Moments] {
    let x = try contiguousOperand("row moments")
    var rows = [Moments](
      repeating: Moments(count: 0, sum: 0, squaredDeviations: 0), count: rowCount)
    rows.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let buffer = buffer
      context.forEachRows(of: x.rowCount, width: x.rowWidth) { range in
        for row in range {
          buffer[row] = Moments(x.rowMoments(row, context.kernels))
        }
      }
    }
    return rows
  }

  /// 1 / sqrt(mean of squares + epsilon) of every row (along the last axis): what an RMS norm
  /// multiplies it with.
  ///
  /// - Returns: `[rows]` float32.
  package func reciprocalRootMeanSquares(
    epsilon: Float, on context: ComputeContext = .shared
  ) throws -> Tensor {
    let x = try contiguousOperand("root mean squares")
    let result = try Tensor(uninitialized: [x.rowCount], dtype: .f32)
    let scales = result.floatElements
    context.forEachRows(of: x.rowCount, width: x.rowWidth) { range in
      for row in range {
        let moments = x.rowMoments(row, context.kernels)
        let mean = moments.sum / moments.count
        let square = moments.squares / moments.count + mean * mean
        scales[row] = Float(1 / (square + Double(epsilon)).squareRoot())
      }
    }
    return result
  }

  /// Moments of one row, by the calling thread.
  private func rowMoments(_ row: Int, _ kernels: UnsafePointer<fp_kernels>) -> fp_moments {
    let width = rowWidth
    let block = Int(FP_REDUCE_BLOCK)
    let parts = stride(from: 0, to: width, by: block).map { start in
      kernels.pointee.reduce.moments(
        pointer(at: row * width + start), dtype.kernelType, min(block, width - start), true)
    }
    return Self.joinedPairwise(parts, join: fp_join_moments) ?? fp_moments()
  }

  private func reducedMoments(squares: Bool, on context: ComputeContext) throws -> fp_moments {
    let x = try contiguousOperand("moments")
    return Self.reduceBlocks(
      of: count, on: context, empty: fp_moments(), join: fp_join_moments
    ) { start, length in
      context.kernels.pointee.reduce.moments(
        x.pointer(at: start), x.dtype.kernelType, length, squares)
    }
  }

  /// Reduces blocks on all threads and joins their results.
  private static func reduceBlocks<Result>(
    of count: Int, on context: ComputeContext, empty: Result,
    join: (Result, Result) -> Result, _ reduce: (Int, Int) -> Result
  ) -> Result {
    let block = Int(FP_REDUCE_BLOCK)
    let blocks = count.dividedUp(by: block)
    var parts = [Result](repeating: empty, count: blocks)
    parts.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let buffer = buffer
      let blocksInPiece = 16
      context.pool.forEach(blocks.dividedUp(by: blocksInPiece)) { piece in
        for index in piece * blocksInPiece..<min((piece + 1) * blocksInPiece, blocks) {
          buffer[index] = reduce(index * block, min(block, count - index * block))
        }
      }
    }
    return joinedPairwise(parts, join: join) ?? empty
  }

  /// Joins neighbours until one is left: an order that depends on the count alone.
  private static func joinedPairwise<Result>(
    _ parts: [Result], join: (Result, Result) -> Result
  ) -> Result? {
    var parts = parts
    while parts.count > 1 {
      parts = stride(from: 0, to: parts.count, by: 2).map { index in
        index + 1 < parts.count ? join(parts[index], parts[index + 1]) : parts[index]
      }
    }
    return parts.first
  }
}

extension Moments {
  fileprivate init(_ moments: fp_moments) {
    self.init(
      count: Int(moments.count), sum: moments.sum, squaredDeviations: moments.squares)
  }
}
