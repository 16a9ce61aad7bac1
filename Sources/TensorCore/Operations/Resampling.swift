import CKernels

/// How outputs are made of their neighbours in the input, as `torch.nn.functional.interpolate` with
/// `antialias=False`.
package enum ResamplingFilter: CaseIterable, Sendable {
  case nearest
  case linear
  /// Cubic convolution with a = -0.75.
  case cubic
}

/// Where the channels of an image lie.
package enum ImageLayout: Sendable {
  /// `[..., H, W]`: each plane by itself.
  case channelsFirst
  /// `[..., H, W, C]`.
  case channelsLast
}

/// The places along one axis where outputs come from.
///
/// Coordinates are float32, as PyTorch computes them for float32 images.
struct ResamplingAxis: Sendable {
  let outputs: Int
  let taps: Int
  let index: [Int32]
  let weight: [Float]

  /// - Parameters:
  ///   - scale: outputs for each input where the caller named a `scale_factor`; nil: the ratio of
  ///     the sizes.
  init(
    inputs: Int, outputs: Int, filter: ResamplingFilter, alignCorners: Bool, scale: Double?
  ) {
    precondition(inputs > 0 && outputs >= 0, "no input")
    let step = Self.step(
      inputs: inputs, outputs: outputs, alignCorners: alignCorners && filter != .nearest,
      scale: scale)
    var index: [Int32] = []
    var weight: [Float] = []
    for output in 0..<outputs {
      let source = Self.source(output, step: step, filter: filter, alignCorners: alignCorners)
      let floor = min(Int(source.rounded(.down)), inputs - 1)
      let part = min(max(source - Float(floor), 0), 1)
      let (offsets, weights) = Self.weights(filter, part)
      index += offsets.map { Int32(min(max(floor + $0, 0), inputs - 1)) }
      weight += weights
    }
    self.outputs = outputs
    self.index = index
    self.weight = weight
    taps = Self.weights(filter, 0).weights.count
  }

  /// Inputs between neighbouring outputs (`area_pixel_compute_scale`).
  private static func step(
    inputs: Int, outputs: Int, alignCorners: Bool, scale: Double?
  ) -> Float {
    if alignCorners { return outputs > 1 ? Float(inputs - 1) / Float(outputs - 1) : 0 }
    if let scale, scale > 0 { return Float(1 / scale) }
    return Float(inputs) / Float(max(outputs, 1))
  }

  /// The coordinate of an output in the input (`area_pixel_compute_source_index`).
  private static func source(
    _ output: Int, step: Float, filter: ResamplingFilter, alignCorners: Bool
  ) -> Float {
    if filter == .nearest { return Float(output) * step }
    if alignCorners { return step * Float(output) }
    let source = step * (Float(output) + 0.5) - 0.5
    return filter == .linear ? max(source, 0) : source
  }

  /// Inputs relative to the one below the coordinate, and their weights.
  private static func weights(
    _ filter: ResamplingFilter, _ part: Float
  ) -> (offsets: [Int], weights: [Float]) {
    switch filter {
    case .nearest: return ([0], [1])
    case .linear: return ([0, 1], [1 - part, part])
    case .cubic:
      let t = Double(part)
      return ([-1, 0, 1, 2], [far(1 + t), near(t), near(1 - t), far(2 - t)].map { Float($0) })
    }
  }

  /// The cubic kernel at distances up to 1, and from 1 to 2; in double, for its terms cancel.
  private static func near(_ x: Double) -> Double {
    let a = -0.75
    return ((a + 2) * x - (a + 3)) * x * x + 1
  }

  private static func far(_ x: Double) -> Double {
    let a = -0.75
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
  }

  /// Calls `body` with the kernels' form of this axis.
  func withTaps(_ body: (UnsafePointer<fp_taps>) -> Void) {
    index.withUnsafeBufferPointer { index in
      weight.withUnsafeBufferPointer { weight in
        var taps = fp_taps(
          index: index.baseAddress, weight: weight.baseAddress, taps: Int32(taps))
        body(&taps)
      }
    }
  }
}

extension Tensor {
  /// Resamples images to a size; the result is F32.
  ///
  /// - Parameters:
  ///   - alignCorners: whether the centres of the corner pixels stay in place; no effect on
  ///     `.nearest`.
  ///   - scale: what PyTorch's `scale_factor` was, where the size came from one.
  /// - Throws: `TensorError.shapeMismatch` where the rank is too low or the image is empty.
  package func resampled(
    height: Int, width: Int, filter: ResamplingFilter, alignCorners: Bool = false,
    scale: (height: Double, width: Double)? = nil, layout: ImageLayout = .channelsFirst,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    let (inner, channels) = try imageAxes("resampling", spatialAxes: 2, layout: layout)
    var axes = shape.axes
    axes[inner] = height
    axes[inner + 1] = width
    let resampledShape = try Shape(validating: axes)
    let rows = ResamplingAxis(
      inputs: shape[inner], outputs: height, filter: filter, alignCorners: alignCorners,
      scale: scale?.height)
    let columns = ResamplingAxis(
      inputs: shape[inner + 1], outputs: width, filter: filter, alignCorners: alignCorners,
      scale: scale?.width)
    let x = try converted(to: .f32, on: context)
    let y = try Tensor(uninitialized: resampledShape, dtype: .f32)
    rows.withTaps { rowTaps in
      columns.withTaps { columnTaps in
        x.resample(into: y, rowTaps, columnTaps, axis: inner, channels: channels, context)
      }
    }
    return y
  }

  /// Resamples images by a factor as `scale_factor` does: the size is rounded down, and coordinates
  /// use the factor itself.
  package func resampled(
    by factor: Double, filter: ResamplingFilter, alignCorners: Bool = false,
    layout: ImageLayout = .channelsFirst, on context: ComputeContext = .shared
  ) throws -> Tensor {
    let (inner, _) = try imageAxes("resampling", spatialAxes: 2, layout: layout)
    let largest = Double(max(shape[inner], shape[inner + 1])) * factor
    guard factor > 0, largest < 0x1p31 else {
      throw TensorError.shapeMismatch(
        operation: "resampling", expected: "a factor above 0, and sizes below 2^31",
        found: "\(factor) for \(shape)")
    }
    return try resampled(
      height: Int(Double(shape[inner]) * factor), width: Int(Double(shape[inner + 1]) * factor),
      filter: filter, alignCorners: alignCorners, scale: (factor, factor), layout: layout,
      on: context)
  }

  /// Resamples volumes `[..., D, H, W]` linearly along all three axes; the result is F32.
  ///
  /// - Throws: `TensorError.shapeMismatch` where the rank is too low or the volume is empty.
  package func resampledTrilinear(
    depth: Int, height: Int, width: Int, alignCorners: Bool = false,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    let (axis, _) = try imageAxes("trilinear resampling", spatialAxes: 3, layout: .channelsFirst)
    let planes = try resampled(
      height: height, width: width, filter: .linear, alignCorners: alignCorners, on: context)
    var axes = planes.shape.axes
    axes[axis] = depth
    let result = try Tensor(uninitialized: Shape(validating: axes), dtype: .f32)
    let frames = ResamplingAxis(
      inputs: shape[axis], outputs: depth, filter: .linear, alignCorners: alignCorners, scale: nil)
    let plane = height * width
    let inputs = shape[axis]
    let volumes = shape.axes[..<axis].reduce(1, *)
    frames.withTaps { taps in
      nonisolated(unsafe) let taps = taps
      context.pool.forEach(volumes * depth) { piece in
        let volume = piece / depth
        context.kernels.pointee.resample.outer(
          result.floatElements + piece * plane, planes.floatElements + volume * inputs * plane,
          taps,
          Int64(piece % depth), Int64(plane))
      }
    }
    return result
  }

  /// The first spatial axis, and the channels that lie together.
  private func imageAxes(
    _ operation: String, spatialAxes: Int, layout: ImageLayout
  ) throws -> (first: Int, channels: Int) {
    let trailing = layout == .channelsLast ? 1 : 0
    let first = shape.rank - spatialAxes - trailing
    guard first >= 0, count > 0 else {
      throw TensorError.shapeMismatch(
        operation: operation, expected: "at least \(spatialAxes + trailing) axes, none empty",
        found: "\(shape)")
    }
    return (first, trailing == 1 ? shape[-1] : 1)
  }

  /// Each output row: rows are weighted into a scratch row first, then its columns.
  private func resample(
    into y: Tensor, _ rows: UnsafePointer<fp_taps>, _ columns: UnsafePointer<fp_taps>, axis: Int,
    channels: Int, _ context: ComputeContext
  ) {
    let height = shape[axis]
    let width = shape[axis + 1] * channels
    let outputHeight = y.shape[axis]
    let outputWidth = y.shape[axis + 1]
    let planes = shape.axes[..<axis].reduce(1, *)
    guard y.count > 0 else { return }
    let scratch = UnsafeMutablePointer<Float>.allocate(capacity: width * context.pool.threadCount)
    defer { scratch.deallocate() }
    let kernels = context.kernels.pointee.resample
    // Two taps for each of a row's inputs and outputs, and more where the filter is wider.
    let cost = Double(planes * outputHeight * (width + outputWidth * channels)) * 8
    context.pool.forEach(
      planes * outputHeight, cost: cost * ComputeContext.costOfByte
    ) { piece, worker in
      let row = scratch + worker * width
      kernels.outer(
        row, floatElements + piece / outputHeight * height * width, rows,
        Int64(piece % outputHeight), Int64(width))
      kernels.inner(
        y.floatElements + piece * outputWidth * channels, row, columns, Int64(outputWidth),
        Int64(channels))
    }
  }
}
