/// How a stored picture is turned to stand upright; the numbers are EXIF's.
package enum Orientation: Int, Sendable {
  case upright = 1
  case mirrored = 2
  case upsideDown = 3
  case flipped = 4
  /// Mirrored at the diagonal from the upper left.
  case transposed = 5
  /// To be turned clockwise by a quarter.
  case quarterTurn = 6
  /// Mirrored at the diagonal from the upper right.
  case transversed = 7
  /// To be turned counterclockwise by a quarter.
  case threeQuarterTurn = 8

  /// The nearest turn and mirroring of a video's display matrix.
  ///
  /// - Parameter matrix: the nine numbers of ISO 14496-12 (`tkhd`), row by row: a pixel at (x, y) is
  ///   shown at (ax + cy, bx + dy), with a, b, c, d at 0, 1, 3, 4.
  package init(displayMatrix matrix: [Int32]) {
    let (a, b, c, d) = (Int(matrix[0]), Int(matrix[1]), Int(matrix[3]), Int(matrix[4]))
    if abs(a) + abs(d) >= abs(b) + abs(c) {
      self = a < 0 ? (d < 0 ? .upsideDown : .mirrored) : (d < 0 ? .flipped : .upright)
    } else if b < 0 {
      self = c < 0 ? .transversed : .threeQuarterTurn
    } else {
      self = c < 0 ? .quarterTurn : .transposed
    }
  }

  /// Whether stored rows become columns.
  package var swapsAxes: Bool { rawValue >= 5 }

  /// Where the pixels of a stored picture go in one that stands upright.
  struct Steps {
    /// Offset in pixels of the first stored pixel.
    let origin: Int
    /// Pixels from one stored row, or column, to the next.
    let row: Int
    let column: Int
  }

  /// - Parameters:
  ///   - rows, columns: of the stored picture.
  ///   - stride: pixels between the upright picture's rows.
  func steps(rows: Int, columns: Int, stride: Int) -> Steps {
    let (right, bottom) = (columns - 1, rows - 1)
    return switch self {
    case .upright: Steps(origin: 0, row: stride, column: 1)
    case .mirrored: Steps(origin: right, row: stride, column: -1)
    case .upsideDown: Steps(origin: bottom * stride + right, row: -stride, column: -1)
    case .flipped: Steps(origin: bottom * stride, row: -stride, column: 1)
    case .transposed: Steps(origin: 0, row: 1, column: stride)
    case .quarterTurn: Steps(origin: bottom, row: -1, column: stride)
    case .transversed: Steps(origin: right * stride + bottom, row: -1, column: -stride)
    case .threeQuarterTurn: Steps(origin: right * stride, row: 1, column: -stride)
    }
  }
}
