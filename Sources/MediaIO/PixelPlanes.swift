/// The three channels of an 8-bit picture in memory that somebody else owns.
struct PixelPlanes {
  /// Red, green and blue of the first pixel.
  let red: UnsafePointer<UInt8>
  let green: UnsafePointer<UInt8>
  let blue: UnsafePointer<UInt8>
  /// Bytes between the pixels of a row: 1 in planes of their own, 3 or 4 where they are packed.
  let pixelStep: Int
  /// Bytes between rows.
  let rowStep: Int
  let rows: Int
  let columns: Int

  /// Writes the picture, turned upright, to packed pixels of three bytes.
  ///
  /// - Parameters:
  ///   - target: the upright picture's first pixel.
  ///   - stride: pixels between the target's rows.
  func copy(
    to target: UnsafeMutablePointer<UInt8>, stride: Int, orientation: Orientation,
    isBlueFirst: Bool
  ) {
    let steps = orientation.steps(rows: rows, columns: columns, stride: stride)
    let (first, last) = isBlueFirst ? (blue, red) : (red, blue)
    let start = target + steps.origin * 3
    if orientation.swapsAxes {
      copyTurned(first, last, start, steps)
    } else if pixelStep == 1 && steps.column == 1 {
      for row in 0..<rows { interleave(first, last, row * rowStep, start + row * steps.row * 3) }
    } else {
      for row in 0..<rows { copyRow(first, last, row, start + row * steps.row * 3, steps.column) }
    }
  }

  /// The common case: planes to pixels in the same order.
  private func interleave(
    _ first: UnsafePointer<UInt8>, _ last: UnsafePointer<UInt8>, _ offset: Int,
    _ target: UnsafeMutablePointer<UInt8>
  ) {
    let (first, middle, last) = (first + offset, green + offset, last + offset)
    var place = target
    for column in 0..<columns {
      place[0] = first[column]
      place[1] = middle[column]
      place[2] = last[column]
      place += 3
    }
  }

  private func copyRow(
    _ first: UnsafePointer<UInt8>, _ last: UnsafePointer<UInt8>, _ row: Int,
    _ target: UnsafeMutablePointer<UInt8>, _ step: Int
  ) {
    var source = row &* rowStep
    var place = target
    for _ in 0..<columns {
      place[0] = first[source]
      place[1] = green[source]
      place[2] = last[source]
      source &+= pixelStep
      place += 3 &* step
    }
  }

  /// Rows become columns, a strip of rows at a time: both sides then stay in the cache.
  private func copyTurned(
    _ first: UnsafePointer<UInt8>, _ last: UnsafePointer<UInt8>,
    _ start: UnsafeMutablePointer<UInt8>, _ steps: Orientation.Steps
  ) {
    let strip = 32
    for top in Swift.stride(from: 0, to: rows, by: strip) {
      let count = min(strip, rows - top)
      for column in 0..<columns {
        var source = top &* rowStep &+ column &* pixelStep
        var place = start + (top &* steps.row &+ column &* steps.column) &* 3
        for _ in 0..<count {
          place[0] = first[source]
          place[1] = green[source]
          place[2] = last[source]
          source &+= rowStep
          place += 3 &* steps.row
        }
      }
    }
  }
}
