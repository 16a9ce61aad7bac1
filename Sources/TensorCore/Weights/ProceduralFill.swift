import CKernels

extension ComputeContext {
  /// Writes values by formula (`fp_procedural.h` has it) on all threads.
  ///
  /// - Parameters:
  ///   - target: memory for `range.count` elements.
  ///   - dtype: `.bf16`, or `.f32` for the same values widened.
  ///   - hash: of the tensor's name.
  ///   - range: row-major positions of the elements in their tensor.
  ///   - absolute: whether |r| takes the place of r.
  package func fillProcedurally(
    _ target: UnsafeMutableRawPointer, dtype: DType, hash: UInt64, range: Range<Int>,
    offset: Float, scale: Float, absolute: Bool
  ) {
    precondition(dtype == .bf16 || dtype == .f32, "no values by formula as \(dtype)")
    let chunk = 1 << 16
    pool.forEach(range.count.dividedUp(by: chunk)) { index in
      let start = index * chunk
      kernels.pointee.procedural.fill(
        target + start * dtype.byteCount, dtype.kernelType, hash,
        UInt64(range.lowerBound + start), min(chunk, range.count - start), offset, scale, absolute)
    }
  }
}
