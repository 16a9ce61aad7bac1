import TensorCore

/// Poolings, computed channels last in float32.
let poolingOperators: [String: OperatorDefinition] = [
  "MaxPool": OperatorDefinition(inputs: 1...1, outputs: 2) { try PoolingOperator($0, .max).kernel },
  "AveragePool": OperatorDefinition(inputs: 1...1) { try PoolingOperator($0, .mean).kernel },
  "GlobalAveragePool": OperatorDefinition(inputs: 1...1) { globalPooling($0, .mean) },
  "GlobalMaxPool": OperatorDefinition(inputs: 1...1) { globalPooling($0, .max) },
]

enum PoolingKind: Sendable {
  case max, mean
}

/// One value for each channel of a picture.
private func globalPooling(_ preparation: NodePreparation, _ kind: PoolingKind) -> Kernel {
  let context = preparation.context
  return { inputs in
    guard let x = inputs[0], x.shape.rank >= 2 else {
      throw ONNXError.invalid("expected an input of [N, C, ...]")
    }
    let positions = x.shape.axes.dropFirst(2).reduce(1, *)
    guard positions > 0 else { throw ONNXError.invalid("an empty picture, \(x.shape)") }
    let rows = try x.converted32(on: context.compute).channelsLastRows(on: context.compute)
    let axes = Array(x.shape.axes.prefix(2))
    let result = try context.tensor(
      axes + [Int](repeating: 1, count: x.shape.rank - 2), .f32)
    let channels = x.shape[1]
    let blocks = channels.dividedUp(by: 64)
    let (source, target) = (rows.floatBase, result.floatBase)
    context.compute.pool.forEach(axes[0] * blocks) { piece in
      let first = piece % blocks * 64
      let width = min(64, channels - first)
      let from = source + piece / blocks * positions * channels + first
      let into = target + piece / blocks * channels + first
      for channel in 0..<width { into[channel] = from[channel] }
      for position in 1..<max(positions, 1) {
        let row = from + position * channels
        switch kind {
        case .max: for channel in 0..<width { into[channel] = larger(into[channel], row[channel]) }
        case .mean: for channel in 0..<width { into[channel] += row[channel] }
        }
      }
      if kind == .mean { for channel in 0..<width { into[channel] /= Float(positions) } }
    }
    withExtendedLifetime(rows) {}
    return [try result.converted(like: x, on: context.compute)]
  }
}

/// The larger; NaN where the second is NaN or the first stays so.
@inline(__always) private func larger(_ a: Float, _ b: Float) -> Float { a > b ? a : b }

/// MaxPool and AveragePool over one to three spatial axes.
struct PoolingOperator: Sendable {
  private let window: WindowGeometry
  private let kind: PoolingKind
  private let countsPadding: Bool
  private let wantsIndices: Bool
  private let columnMajor: Bool
  private let context: OperatorContext

  init(_ preparation: NodePreparation, _ kind: PoolingKind) throws {
    let node = preparation.node
    guard let kernel = try node.ints("kernel_shape") else {
      throw ONNXError.invalid("it has no kernel_shape")
    }
    window = try WindowGeometry(node, kernel: kernel)
    self.kind = kind
    countsPadding = try node.flag("count_include_pad")
    wantsIndices = node.wants(output: 1)
    columnMajor = try node.flag("storage_order")
    context = preparation.context
  }

  var kernel: Kernel { run }

  /// Sizes of one run.
  private struct Sizes {
    let input: SIMD3<Int>, output: SIMD3<Int>, before: SIMD3<Int>, after: SIMD3<Int>
    let kernel: SIMD3<Int>, strides: SIMD3<Int>, dilations: SIMD3<Int>
    let channels: Int

    /// The kernel's taps that meet the picture, along one axis.
    func taps(axis: Int, output: Int) -> (range: Range<Int>, origin: Int) {
      let origin = output * strides[axis] - before[axis]
      let step = dilations[axis]
      let first = origin >= 0 ? 0 : (-origin).dividedUp(by: step)
      let last = origin >= input[axis] ? 0 : (input[axis] - origin).dividedUp(by: step)
      return (first..<max(first, min(kernel[axis], last)), origin)
    }

    /// Taps of the kernel that meet the picture or its padding.
    func countWithPadding(axis: Int, output: Int) -> Int {
      let origin = output * strides[axis] - before[axis]
      let room = input[axis] + after[axis] - origin
      return max(0, min(kernel[axis], room.dividedUp(by: dilations[axis])))
    }
  }

  private func run(_ inputs: [Tensor?]) throws -> [Tensor] {
    guard let x = inputs[0], x.shape.rank == window.kernel.count + 2 else {
      throw ONNXError.invalid("expected an input with \(window.kernel.count) spatial axes")
    }
    let spatial = Array(x.shape.axes.dropFirst(2))
    let output = try window.outputSizes(for: spatial)
    let (before, after) = window.paddings(for: spatial)
    let sizes = Sizes(
      input: WindowGeometry.three(spatial, 1), output: WindowGeometry.three(output, 1),
      before: WindowGeometry.three(before, 0), after: WindowGeometry.three(after, 0),
      kernel: WindowGeometry.three(window.kernel, 1),
      strides: WindowGeometry.three(window.strides, 1),
      dilations: WindowGeometry.three(window.dilations, 1), channels: x.shape[1])
    let shape = [x.shape[0]] + output + [x.shape[1]]
    let rows = try x.converted32(on: context.compute).channelsLastRows(on: context.compute)
    let result = try context.tensor(shape, .f32)
    let indices = wantsIndices ? try context.tensor(shape, .i64) : nil
    let work = x.shape[0] * sizes.output.x * sizes.output.y
    let width = sizes.output.z * sizes.channels * sizes.kernel.y * sizes.kernel.z
    context.compute.forEachRange(of: work, width: width) { range in
      for row in range { poolRow(row, sizes, from: rows, into: result, indices: indices) }
    }
    withExtendedLifetime(rows) {}
    let values = try result.channelsFirstView().converted(like: x, on: context.compute)
    guard let indices else { return [values] }
    return [values, indices.channelsFirstView()]
  }

  /// One row of output positions.
  private func poolRow(
    _ row: Int, _ sizes: Sizes, from rows: Tensor, into result: Tensor, indices: Tensor?
  ) {
    let y = row % sizes.output.y
    let z = row / sizes.output.y % sizes.output.x
    let picture = row / sizes.output.y / sizes.output.x
    let volume = sizes.input.x * sizes.input.y * sizes.input.z
    let source = rows.floatBase + picture * volume * sizes.channels
    let target = result.floatBase + row * sizes.output.z * sizes.channels
    let depth = sizes.taps(axis: 0, output: z)
    let height = sizes.taps(axis: 1, output: y)
    for column in 0..<sizes.output.z {
      let width = sizes.taps(axis: 2, output: column)
      let into = target + column * sizes.channels
      for channel in 0..<sizes.channels { into[channel] = kind == .max ? -.infinity : 0 }
      for tapZ in depth.range {
        let planeIndex = depth.origin + tapZ * sizes.dilations.x
        for tapY in height.range {
          let rowIndex = planeIndex * sizes.input.y + height.origin + tapY * sizes.dilations.y
          for tapX in width.range {
            let place = rowIndex * sizes.input.z + width.origin + tapX * sizes.dilations.z
            accumulate(source + place * sizes.channels, into, sizes.channels)
          }
        }
      }
      if kind == .mean {
        let met = depth.range.count * height.range.count * width.range.count
        let all =
          sizes.countWithPadding(axis: 0, output: z) * sizes.countWithPadding(axis: 1, output: y)
          * sizes.countWithPadding(axis: 2, output: column)
        let count = Float(max(countsPadding ? all : met, 1))
        for channel in 0..<sizes.channels { into[channel] /= count }
      }
    }
    guard let indices else { return }
    writeIndices(
      indices.pointer.assumingMemoryBound(to: Int64.self) + row * sizes.output.z * sizes.channels,
      of: target, source: source, picture: picture, depth: depth, height: height, sizes)
  }

  @inline(__always) private func accumulate(
    _ from: UnsafePointer<Float>, _ into: UnsafeMutablePointer<Float>, _ channels: Int
  ) {
    switch kind {
    case .max: for channel in 0..<channels { into[channel] = larger(into[channel], from[channel]) }
    case .mean: for channel in 0..<channels { into[channel] += from[channel] }
    }
  }

  /// Where the maxima stand in the flat `[N, C, ...]` input.
  private func writeIndices(
    _ target: UnsafeMutablePointer<Int64>, of maxima: UnsafePointer<Float>,
    source: UnsafePointer<Float>, picture: Int, depth: (range: Range<Int>, origin: Int),
    height: (range: Range<Int>, origin: Int), _ sizes: Sizes
  ) {
    let volume = sizes.input.x * sizes.input.y * sizes.input.z
    for column in 0..<sizes.output.z {
      let width = sizes.taps(axis: 2, output: column)
      for channel in 0..<sizes.channels {
        let wanted = maxima[column * sizes.channels + channel]
        var found = 0
        search: for tapZ in depth.range {
          for tapY in height.range {
            for tapX in width.range {
              let plane = depth.origin + tapZ * sizes.dilations.x
              let line = height.origin + tapY * sizes.dilations.y
              let place = width.origin + tapX * sizes.dilations.z
              let flat = (plane * sizes.input.y + line) * sizes.input.z + place
              guard source[flat * sizes.channels + channel] == wanted else { continue }
              found =
                columnMajor
                ? plane + sizes.input.x * (line + sizes.input.y * place)
                : flat
              if columnMajor, sizes.input.x == 1 { found = line + sizes.input.y * place }
              break search
            }
          }
        }
        target[column * sizes.channels + channel] = Int64(
          (picture * sizes.channels + channel) * volume + found)
      }
    }
  }
}
