import CKernels

// What a convolution takes: for plans of memory, and for rates.
extension Convolution {
  /// Bytes of the packed weights.
  package var weightByteCount: Int { packed.byteCount + (winograd?.packed.byteCount ?? 0) }

  /// Bytes of one input frame, ready to be read.
  package func frameByteCount(rows: Int, columns: Int) -> Int {
    var description = description
    var shape = frameShape(rows: rows, columns: columns)
    return fp_conv_frame_bytes(context.kernels, &description, &shape)
  }

  /// Operations of one output frame, a multiply-add counted as two, as they are executed: of a
  /// repeated picture, taps that meet the same pixel count once. Not of transposed convolutions.
  ///
  /// - Parameter positions: of the output frame.
  package func operationCount(positions: Int) -> Double {
    let taps = Double(kernel.x) * meanTaps(axis: 1) * meanTaps(axis: 2)
    return 2 * taps * Double(positions) * Double(outputChannels)
      * Double(inputChannels / geometry.groups)
  }

  /// Input places that an output place reads along an axis, on average.
  private func meanTaps(axis: Int) -> Double {
    let repeats = geometry.upsampling
    let total = (0..<repeats).reduce(0) { sum, phase in
      // Padding moves the first tap; a whole number of repeats more leaves the phases as they are.
      let first = phase + geometry.paddingBefore[axis] * (repeats - 1)
      return sum + (first + kernel[axis] - 1) / repeats - first / repeats + 1
    }
    return Double(total) / Double(repeats)
  }
}
