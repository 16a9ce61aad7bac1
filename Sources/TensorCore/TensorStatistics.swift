import CKernels

/// What a tensor's values are like, taken as float32.
package struct TensorStatistics: Sendable, Equatable {
  package let count: Int
  package let nanCount: Int
  package let infinityCount: Int

  /// Least, greatest and mean of the finite values; nil where there are none.
  package let minimum: Float?
  package let maximum: Float?
  package let mean: Double?
}

extension Tensor {
  /// Reads every element once. The result does not depend on the number of threads.
  ///
  /// - Throws: `TensorError.outOfMemory`.
  package func statistics(on context: ComputeContext = .shared) throws -> TensorStatistics {
    let source = try contiguous()
    let chunk = 1 << 16
    let pieces = count.dividedUp(by: chunk)
    let scratch = try Tensor(
      uninitialized: [context.pool.threadCount, chunk], dtype: .f32)
    var partials = [PartialStatistics](repeating: PartialStatistics(), count: pieces)
    partials.withUnsafeMutableBufferPointer { partials in
      nonisolated(unsafe) let partials = partials
      context.pool.forEach(pieces) { piece, worker in
        let start = piece * chunk
        let length = min(chunk, count - start)
        let values = scratch.pointer.assumingMemoryBound(to: Float.self) + worker * chunk
        context.kernels.pointee.convert.convert(
          UnsafeMutableRawPointer(values), DType.f32.kernelType,
          source.pointer + start * dtype.byteCount, dtype.kernelType, length)
        partials[piece].add(UnsafeBufferPointer(start: values, count: length))
      }
    }
    var total = PartialStatistics()
    for partial in partials { total.add(partial) }
    return withExtendedLifetime((source, scratch)) { total.result(count: count) }
  }
}

/// Statistics of a part of a tensor.
private struct PartialStatistics {
  private var finiteCount = 0
  private var nanCount = 0
  private var infinityCount = 0
  private var minimum = Float.infinity
  private var maximum = -Float.infinity
  private var sum = 0.0

  mutating func add(_ values: UnsafeBufferPointer<Float>) {
    for value in values {
      if value.isFinite {
        finiteCount += 1
        minimum = min(minimum, value)
        maximum = max(maximum, value)
        sum += Double(value)
      } else if value.isNaN {
        nanCount += 1
      } else {
        infinityCount += 1
      }
    }
  }

  mutating func add(_ other: PartialStatistics) {
    finiteCount += other.finiteCount
    nanCount += other.nanCount
    infinityCount += other.infinityCount
    minimum = min(minimum, other.minimum)
    maximum = max(maximum, other.maximum)
    sum += other.sum
  }

  func result(count: Int) -> TensorStatistics {
    let isEmpty = finiteCount == 0
    return TensorStatistics(
      count: count, nanCount: nanCount, infinityCount: infinityCount,
      minimum: isEmpty ? nil : minimum, maximum: isEmpty ? nil : maximum,
      mean: isEmpty ? nil : sum / Double(finiteCount))
  }
}
