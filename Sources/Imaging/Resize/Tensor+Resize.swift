import TensorCore

extension Tensor {
  /// Resizes a picture with the bytes of Pillow's `Image.resize`: along rows first, 8 bits between the
  /// passes, sums in fixed point; an axis that keeps its size is not touched.
  ///
  /// Pillow 13 begins with the columns where a high picture becomes lower; the published code, whose
  /// Pillow was older, never does.
  ///
  /// - Parameters:
  ///   - rows: of the result, at least 1; `columns` likewise.
  /// - Returns: U8 `[rows, columns, channels]`.
  /// - Throws: `ImagingError.notAPicture` unless this is U8 `[rows, columns, 1 or 3]` and not empty;
  ///   `ImagingError.size`, `TensorError.outOfMemory`.
  package func resized(
    rows: Int, columns: Int, filter: ResizeFilter, on context: ComputeContext = .shared
  ) throws -> Tensor {
    let source = try picture(for: "resize", channels: [1, 3])
    let limit = 1 << 20
    guard (1...limit).contains(rows), (1...limit).contains(columns) else {
      throw ImagingError.size(
        operation: "resize", rows: rows, columns: columns, limit: "sides are 1 to \(limit)")
    }
    let vertical =
      rows == shape[0] ? nil : ResizeAxis(inputs: shape[0], outputs: rows, filter: filter)
    var picture = source
    // Of the rows only those that the second pass reads.
    var skipped = 0
    if columns != shape[1] {
      let used = vertical?.range ?? 0..<rows
      skipped = used.lowerBound
      let axis = ResizeAxis(inputs: shape[1], outputs: columns, filter: filter)
      picture = try picture.sliced(used).resizedColumns(axis, context)
    }
    if let vertical { picture = try picture.resizedRows(vertical, skipped: skipped, context) }
    return picture
  }

  private var bytesBase: UnsafeMutablePointer<UInt8> { pointer.assumingMemoryBound(to: UInt8.self) }

  private func resizedColumns(_ axis: ResizeAxis, _ context: ComputeContext) throws -> Tensor {
    let channels = shape[2]
    let result = try Tensor(uninitialized: [shape[0], axis.outputs, channels], dtype: .u8)
    let band = 8
    withExtendedLifetime((self, result)) {
      axis.weights.withUnsafeBufferPointer { weights in
        context.pool.forEach(shape[0].dividedUp(by: band)) { piece in
          for row in piece * band..<min((piece + 1) * band, shape[0]) {
            let source = UnsafePointer(bytesBase + row * shape[1] * channels)
            let target = result.bytesBase + row * axis.outputs * channels
            if channels == 3 {
              axis.threeChannels(target, source, weights.baseAddress!)
            } else {
              axis.oneChannel(target, source, weights.baseAddress!)
            }
          }
        }
      }
    }
    return result
  }

  /// - Parameter skipped: rows of the picture that this one lacks at its top.
  private func resizedRows(
    _ axis: ResizeAxis, skipped: Int, _ context: ComputeContext
  ) throws -> Tensor {
    let width = shape[1] * shape[2]
    let result = try Tensor(
      uninitialized: [axis.outputs, shape[1], shape[2]], dtype: .u8)
    withExtendedLifetime((self, result)) {
      context.pool.forEach(axis.outputs) { row in
        axis.blend(
          result.bytesBase + row * width,
          UnsafePointer(bytesBase + (axis.first[row] - skipped) * width), output: row, width: width)
      }
    }
    return result
  }
}

extension ResizeAxis {
  /// Resizes one row of three interleaved channels.
  fileprivate func threeChannels(
    _ target: UnsafeMutablePointer<UInt8>, _ source: UnsafePointer<UInt8>,
    _ weights: UnsafePointer<Int32>
  ) {
    for output in 0..<outputs {
      var place = source + first[output] &* 3
      let weights = weights + output &* width
      var (red, green, blue) = (Self.half, Self.half, Self.half)
      for tap in 0..<counts[output] {
        let weight = weights[tap]
        red &+= Int32(place[0]) &* weight
        green &+= Int32(place[1]) &* weight
        blue &+= Int32(place[2]) &* weight
        place += 3
      }
      target[output &* 3] = Self.rounded(red)
      target[output &* 3 &+ 1] = Self.rounded(green)
      target[output &* 3 &+ 2] = Self.rounded(blue)
    }
  }

  fileprivate func oneChannel(
    _ target: UnsafeMutablePointer<UInt8>, _ source: UnsafePointer<UInt8>,
    _ weights: UnsafePointer<Int32>
  ) {
    for output in 0..<outputs {
      let place = source + first[output]
      let weights = weights + output &* width
      var sum = Self.half
      for tap in 0..<counts[output] { sum &+= Int32(place[tap]) &* weights[tap] }
      target[output] = Self.rounded(sum)
    }
  }

  /// Makes one row of the rows under it, a stretch of bytes at a time: its sums stay in the
  /// processor's nearest memory.
  ///
  /// - Parameters:
  ///   - source: the first input row.
  ///   - width: bytes of a row.
  fileprivate func blend(
    _ target: UnsafeMutablePointer<UInt8>, _ source: UnsafePointer<UInt8>, output: Int, width: Int
  ) {
    let stretch = 2048
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: min(stretch, width)) { sums in
      for start in Swift.stride(from: 0, to: width, by: stretch) {
        let count = min(stretch, width - start)
        for place in 0..<count { sums[place] = Self.half }
        for tap in 0..<counts[output] {
          let weight = weights[output * self.width + tap]
          let row = source + tap * width + start
          for place in 0..<count { sums[place] &+= Int32(row[place]) &* weight }
        }
        for place in 0..<count { target[start + place] = Self.rounded(sums[place]) }
      }
    }
  }
}
