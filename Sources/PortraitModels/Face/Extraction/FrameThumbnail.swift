import TensorCore

/// A frame's brightness at a glance, to tell whether another frame is of the same shot.
struct FrameThumbnail: Sendable {
  /// Cells along each side.
  static let side = 32
  /// Pixels that are looked at along each side of a cell.
  private static let samples = 6
  /// How far a picture may move between two frames, in cells.
  private static let reach = 3

  /// Mean brightness of the cells, row-major, less their mean.
  private let cells: [Float]
  private let mean: Float
  /// Root mean square of `cells`.
  private let contrast: Float

  /// Correlation above which a movement is not looked for.
  private static let alike: Float = 0.9
  /// Levels of contrast below which a frame shows nothing.
  private static let blank: Float = 2

  /// - Parameter pixels: U8 `[rows, columns, 3]`, blue, green and red.
  init(bgr pixels: Tensor) throws {
    let source = try pixels.contiguous()
    let (rows, columns) = (source.shape[0], source.shape[1])
    let perSide = Self.side * Self.samples
    var sums = [Float](repeating: 0, count: Self.side * Self.side)
    withExtendedLifetime(source) {
      let bytes = source.pointer.assumingMemoryBound(to: UInt8.self)
      for y in 0..<perSide {
        let row = bytes + (2 * y + 1) * rows / (2 * perSide) * columns * 3
        for x in 0..<perSide {
          let pixel = row + (2 * x + 1) * columns / (2 * perSide) * 3
          let brightness =
            0.114 * Float(pixel[0]) + 0.587 * Float(pixel[1]) + 0.299 * Float(pixel[2])
          sums[y / Self.samples * Self.side + x / Self.samples] += brightness
        }
      }
    }
    let brightness = sums.map { $0 / Float(Self.samples * Self.samples) }
    let mean = brightness.reduce(0, +) / Float(brightness.count)
    self.mean = mean
    cells = brightness.map { $0 - mean }
    contrast = (cells.reduce(0) { $0 + $1 * $1 } / Float(cells.count)).squareRoot()
  }

  /// How little two frames have in common: 0 for the same picture, whatever its brightness, contrast
  /// and small movements of the camera, to 1 where nothing fits.
  func difference(_ other: FrameThumbnail) -> Float {
    let blanks = (contrast < Self.blank, other.contrast < Self.blank)
    if blanks.0 && blanks.1 { return abs(mean - other.mean) < 64 ? 0 : 1 }
    if blanks.0 || blanks.1 { return 1 }
    var best = max(correlation(other, x: 0, y: 0), 0)
    if best > Self.alike { return 1 - best }
    for y in -Self.reach...Self.reach {
      for x in -Self.reach...Self.reach { best = max(best, correlation(other, x: x, y: y)) }
    }
    return 1 - best
  }

  /// Correlation where the two overlap when the other one is shifted.
  private func correlation(_ other: FrameThumbnail, x: Int, y: Int) -> Float {
    var (count, sumA, sumB, squareA, squareB, product): (Float, Float, Float, Float, Float, Float) =
      (0, 0, 0, 0, 0, 0)
    for row in max(0, -y)..<Self.side - max(0, y) {
      for column in max(0, -x)..<Self.side - max(0, x) {
        let a = cells[row * Self.side + column]
        let b = other.cells[(row + y) * Self.side + column + x]
        count += 1
        sumA += a
        sumB += b
        squareA += a * a
        squareB += b * b
        product += a * b
      }
    }
    let varianceA = squareA - sumA * sumA / count
    let varianceB = squareB - sumB * sumB / count
    let covariance = product - sumA * sumB / count
    let norm = (varianceA * varianceB).squareRoot()
    return norm > 0 ? covariance / norm : 0
  }
}
