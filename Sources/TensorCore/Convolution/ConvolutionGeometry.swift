import CKernels

/// How a convolution's kernel moves: each value counts frames, rows, columns, in that order. A 2-D
/// convolution has one frame in its kernel, a 1-D convolution also one row.
package struct ConvolutionGeometry: Hashable, Sendable {
  /// Steps between neighbouring outputs; of a transposed convolution, between inputs.
  package var stride: SIMD3<Int>
  /// Steps between neighbouring taps.
  package var dilation: SIMD3<Int>
  /// Zeros in front of each axis; a causal convolution has all of its padding in time here.
  package var paddingBefore: SIMD3<Int>
  /// Zeros behind each axis.
  package var paddingAfter: SIMD3<Int>
  /// Sets of channels that are convolved apart; a divisor of both channel counts.
  package var groups: Int
  /// Whether this is the transposed convolution: padding is then taken off the output.
  package var isTransposed: Bool
  /// Places that a transposed convolution's output has more at its end.
  package var outputPadding: SIMD3<Int>
  /// Every pixel of the input counts as this many rows and columns (nearest neighbour). The larger
  /// picture is never made: weights that meet the same pixel are added up, which saves more than
  /// half of the work of a 3x3 kernel. Only with strides and dilations of 1.
  package var upsampling: Int

  package init(
    stride: SIMD3<Int> = .one, paddingBefore: SIMD3<Int> = .zero, paddingAfter: SIMD3<Int> = .zero,
    dilation: SIMD3<Int> = .one, groups: Int = 1, isTransposed: Bool = false,
    outputPadding: SIMD3<Int> = .zero, upsampling: Int = 1
  ) {
    self.stride = stride
    self.paddingBefore = paddingBefore
    self.paddingAfter = paddingAfter
    self.dilation = dilation
    self.groups = groups
    self.isTransposed = isTransposed
    self.outputPadding = outputPadding
    self.upsampling = upsampling
  }

  /// The same padding on both sides of each axis.
  package init(
    stride: SIMD3<Int> = .one, padding: SIMD3<Int>, dilation: SIMD3<Int> = .one, groups: Int = 1,
    upsampling: Int = 1
  ) {
    self.init(
      stride: stride, paddingBefore: padding, paddingAfter: padding, dilation: dilation,
      groups: groups, upsampling: upsampling)
  }

  /// Causal in time, centred in space: the output has the size of the input.
  package static func causal(kernel: SIMD3<Int>) -> ConvolutionGeometry {
    let spatial = SIMD3(0, (kernel.y - 1) / 2, (kernel.z - 1) / 2)
    return ConvolutionGeometry(
      paddingBefore: SIMD3(kernel.x - 1, spatial.y, spatial.z), paddingAfter: spatial)
  }

  /// Size of the output along one axis (0 frames, 1 rows, 2 columns); 0 where the kernel does not
  /// fit.
  package func outputSize(axis: Int, kernel: Int, input: Int) -> Int {
    outputSize(
      axis: axis, kernel: kernel, input: input, paddingBefore: paddingBefore[axis])
  }

  func outputSize(axis: Int, kernel: Int, input: Int, paddingBefore: Int) -> Int {
    let span = dilation[axis] * (kernel - 1) + 1
    let padding = paddingBefore + paddingAfter[axis]
    if isTransposed {
      if input == 0 { return 0 }
      return max(0, (input - 1) * stride[axis] + span - padding + outputPadding[axis])
    }
    let room = input * (axis == 0 ? 1 : upsampling) + padding - span
    return room < 0 ? 0 : room / stride[axis] + 1
  }

  /// Largest stride, dilation or padding: far beyond any network's, and small enough that sizes
  /// cannot overflow.
  private static let limit = 1 << 20
  /// Most phases of a transposed convolution (the product of its strides).
  private static let phaseLimit = 4096

  /// - Throws: `TensorError.shapeMismatch` where a value is out of range.
  func validate() throws {
    for axis in 0..<3 {
      let counts = [stride[axis], dilation[axis]]
      let paddings = [paddingBefore[axis], paddingAfter[axis], outputPadding[axis]]
      guard counts.allSatisfy((1...Self.limit).contains),
        paddings.allSatisfy((0...Self.limit).contains)
      else {
        throw TensorError.shapeMismatch(
          operation: "convolution",
          expected: "strides and dilations of 1 ... \(Self.limit), paddings of 0 ... \(Self.limit)",
          found: "\(self)")
      }
    }
    guard groups >= 1 else {
      throw TensorError.shapeMismatch(
        operation: "convolution", expected: "at least one group", found: "\(groups)")
    }
    let isPlain = !isTransposed && stride == .one && dilation == .one
    guard upsampling == 1 || (isPlain && (1...64).contains(upsampling)) else {
      throw TensorError.shapeMismatch(
        operation: "convolution",
        expected: "an upsampling of 1 ... 64, without strides and dilations", found: "\(self)")
    }
    guard !isTransposed || phases <= Self.phaseLimit else {
      throw TensorError.shapeMismatch(
        operation: "transposed convolution",
        expected: "strides with a product of at most \(Self.phaseLimit)", found: "\(stride)")
    }
  }

  private var phases: Int {
    [stride.x, stride.y, stride.z].reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
  }
}

extension SIMD3<Int> {
  /// For the kernels' structures.
  var tuple: (Int64, Int64, Int64) { (Int64(x), Int64(y), Int64(z)) }
}
