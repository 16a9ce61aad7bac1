/// Reads a picture of three channels at fixed-point coordinates. Outside it everything is 0.
struct WarpSampling {
  let source: UnsafePointer<UInt8>
  let rows: Int
  let columns: Int

  private static let channels = 3
  private static let mask: Int32 = (1 << WarpUnit.bits) - 1

  /// Writes one destination row.
  ///
  /// - Parameters:
  ///   - x: coordinates in 1/32 pixel, as many as pixels.
  ///   - weights: the cubic filter's table.
  func fill(
    _ target: UnsafeMutablePointer<UInt8>, x: UnsafeMutableBufferPointer<Int32>,
    y: UnsafeMutableBufferPointer<Int32>, filter: WarpFilter, weights: UnsafePointer<Int16>
  ) {
    var target = target
    for pixel in x.indices {
      switch filter {
      case .linear: linear(target, x[pixel], y[pixel])
      case .cubic: cubic(target, x[pixel], y[pixel], weights)
      }
      target += Self.channels
    }
  }

  // MARK: Linear

  @inline(__always)
  private func linear(_ target: UnsafeMutablePointer<UInt8>, _ x: Int32, _ y: Int32) {
    let column = Int(x >> Int32(WarpUnit.bits))
    let row = Int(y >> Int32(WarpUnit.bits))
    let right = x & Self.mask
    let below = y & Self.mask
    let stride = columns &* Self.channels
    if column >= 0, row >= 0, column < columns &- 1, row < rows &- 1 {
      let place = source + (row &* stride &+ column &* Self.channels)
      for channel in 0..<Self.channels {
        target[channel] = Self.blend(
          Int32(place[channel]), Int32(place[channel &+ Self.channels]),
          Int32(place[channel &+ stride]), Int32(place[channel &+ stride &+ Self.channels]),
          right, below)
      }
    } else if column < -1 || row < -1 || column >= columns || row >= rows {
      for channel in 0..<Self.channels { target[channel] = 0 }
    } else {
      for channel in 0..<Self.channels {
        target[channel] = Self.blend(
          at(row, column, channel), at(row, column &+ 1, channel), at(row &+ 1, column, channel),
          at(row &+ 1, column &+ 1, channel), right, below)
      }
    }
  }

  /// Four neighbours by their distances in 1/32; exact products, rounded once.
  @inline(__always)
  private static func blend(
    _ topLeft: Int32, _ topRight: Int32, _ bottomLeft: Int32, _ bottomRight: Int32,
    _ right: Int32, _ below: Int32
  ) -> UInt8 {
    let left = 32 &- right
    let top = topLeft &* left &+ topRight &* right
    let bottom = bottomLeft &* left &+ bottomRight &* right
    let sum = top &* (32 &- below) &+ bottom &* below
    return UInt8(truncatingIfNeeded: (sum &+ 512) >> 10)
  }

  // MARK: Cubic

  @inline(__always)
  private func cubic(
    _ target: UnsafeMutablePointer<UInt8>, _ x: Int32, _ y: Int32, _ weights: UnsafePointer<Int16>
  ) {
    let column = Int(x >> Int32(WarpUnit.bits)) &- 1
    let row = Int(y >> Int32(WarpUnit.bits)) &- 1
    let weights = weights + Int((y & Self.mask) << Int32(WarpUnit.bits) | (x & Self.mask)) &* 16
    if column >= 0, row >= 0, column < columns &- 3, row < rows &- 3 {
      inside(target, row, column, weights)
    } else if column < -3 || row < -3 || column >= columns || row >= rows {
      for channel in 0..<Self.channels { target[channel] = 0 }
    } else {
      for channel in 0..<Self.channels {
        var sum: Int32 = 0
        for tap in 0..<16 {
          sum &+= at(row &+ tap >> 2, column &+ tap & 3, channel) &* Int32(weights[tap])
        }
        target[channel] = Self.rounded(sum)
      }
    }
  }

  @inline(__always)
  private func inside(
    _ target: UnsafeMutablePointer<UInt8>, _ row: Int, _ column: Int,
    _ weights: UnsafePointer<Int16>
  ) {
    let stride = columns &* Self.channels
    var place = source + (row &* stride &+ column &* Self.channels)
    var weights = weights
    var red: Int32 = 0
    var green: Int32 = 0
    var blue: Int32 = 0
    for _ in 0..<4 {
      for tap in 0..<4 {
        let weight = Int32(weights[tap])
        red &+= Int32(place[tap &* 3]) &* weight
        green &+= Int32(place[tap &* 3 &+ 1]) &* weight
        blue &+= Int32(place[tap &* 3 &+ 2]) &* weight
      }
      place += stride
      weights += 4
    }
    target[0] = Self.rounded(red)
    target[1] = Self.rounded(green)
    target[2] = Self.rounded(blue)
  }

  @inline(__always)
  private static func rounded(_ sum: Int32) -> UInt8 {
    let half: Int32 = 1 << (Int32(CubicWeights.bits) - 1)
    let level = (sum &+ half) >> Int32(CubicWeights.bits)
    return UInt8(truncatingIfNeeded: min(max(level, 0), 255))
  }

  /// One channel of a pixel, 0 outside the picture.
  @inline(__always)
  private func at(_ row: Int, _ column: Int, _ channel: Int) -> Int32 {
    guard row >= 0, column >= 0, row < rows, column < columns else { return 0 }
    return Int32(source[(row &* columns &+ column) &* Self.channels &+ channel])
  }
}
