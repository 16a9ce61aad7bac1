import Foundation

/// Where the pixels of one destination row come from, in 1/32 of a source pixel, as OpenCV 4 rounds
/// them (`warpAffine`, `warpPerspective` of imgwarp.cpp).
protocol WarpCoordinates: Sendable {
  /// Writes the coordinates of a row's pixels. Where there is none, or it is out of all bounds, it is
  /// far outside any picture.
  func fill(row: Int, x: UnsafeMutableBufferPointer<Int32>, y: UnsafeMutableBufferPointer<Int32>)
}

/// Fixed-point numbers of coordinates.
enum WarpUnit {
  /// Bits behind the point.
  static let bits = 5
  /// Farther than this no picture reaches: 2^25 pixels.
  static let limit = 1 << 30

  static func clamped(_ value: Int) -> Int32 {
    Int32(truncatingIfNeeded: min(max(value, -limit), limit))
  }

  /// The whole number nearest to a value, ties to even; what is not a number is far outside.
  static func rounded(_ value: Double, limit: Int = limit) -> Int {
    let bound = Double(limit)
    guard value > -bound, value < bound else { return value >= bound ? limit : -limit }
    return Int(value.rounded(.toNearestOrEven))
  }
}

/// Each axis' share is rounded to 1/1024 by itself, their sum cut to 1/32.
struct AffineCoordinates: WarpCoordinates {
  private static let bits = 10
  private static let scale = Double(1 << bits)

  /// Destination to source.
  private let inverse: AffineMatrix
  /// What the columns add.
  private let columnX: [Int]
  private let columnY: [Int]

  /// - Returns: nil where the matrix has no inverse: nothing comes from anywhere.
  init?(_ matrix: AffineMatrix, columns: Int) {
    guard let inverse = matrix.inverse else { return nil }
    self.inverse = inverse
    columnX = (0..<columns).map { Self.rounded(inverse.x.x * Double($0)) }
    columnY = (0..<columns).map { Self.rounded(inverse.y.x * Double($0)) }
  }

  /// Beyond 2^50 sums of two could overflow.
  private static func rounded(_ value: Double) -> Int {
    WarpUnit.rounded(value * scale, limit: 1 << 50)
  }

  func fill(row: Int, x: UnsafeMutableBufferPointer<Int32>, y: UnsafeMutableBufferPointer<Int32>) {
    let shift = Self.bits - WarpUnit.bits
    let half = 1 << (shift - 1)
    let startX = Self.rounded(inverse.x.y * Double(row) + inverse.x.z) + half
    let startY = Self.rounded(inverse.y.y * Double(row) + inverse.y.z) + half
    columnX.withUnsafeBufferPointer { columnX in
      for column in x.indices {
        x[column] = WarpUnit.clamped((startX &+ columnX[column]) >> shift)
      }
    }
    columnY.withUnsafeBufferPointer { columnY in
      for column in y.indices {
        y[column] = WarpUnit.clamped((startY &+ columnY[column]) >> shift)
      }
    }
  }
}

/// Each pixel's quotient is rounded to 1/32. Rows are cut into blocks, and a block's first pixel is
/// added to the pixel's own share, which decides the last bit.
struct ProjectiveCoordinates: WarpCoordinates {
  /// Destination to source.
  private let inverse: Homography
  private let blockColumns: Int

  /// - Returns: nil where the matrix has no inverse: nothing comes from anywhere.
  init?(_ matrix: Homography, rows: Int, columns: Int) {
    guard let inverse = matrix.inverse else { return nil }
    self.inverse = inverse
    let pixels = 1024
    blockColumns = max(min(pixels / max(min(16, rows), 1), columns), 1)
  }

  func fill(row: Int, x: UnsafeMutableBufferPointer<Int32>, y: UnsafeMutableBufferPointer<Int32>) {
    let row = Double(row)
    let scale = Double(1 << WarpUnit.bits)
    for block in stride(from: 0, to: x.count, by: blockColumns) {
      let start = Double(block)
      let startX = inverse.x.x * start + inverse.x.y * row + inverse.x.z
      let startY = inverse.y.x * start + inverse.y.y * row + inverse.y.z
      let startW = inverse.w.x * start + inverse.w.y * row + inverse.w.z
      for offset in 0..<min(blockColumns, x.count - block) {
        let column = Double(offset)
        let divisor = startW + inverse.w.x * column
        // A point at infinity is taken as (0, 0) by OpenCV.
        let factor = divisor == 0 ? 0 : scale / divisor
        x[block + offset] = Int32(
          truncatingIfNeeded: WarpUnit.rounded((startX + inverse.x.x * column) * factor))
        y[block + offset] = Int32(
          truncatingIfNeeded: WarpUnit.rounded((startY + inverse.y.x * column) * factor))
      }
    }
  }
}
