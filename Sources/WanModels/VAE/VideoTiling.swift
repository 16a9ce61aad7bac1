import Layers
import TensorCore

/// Overlapping tiles of a picture that are coded each on its own and blended (the fast
/// configuration of the published code).
///
/// All tiles of a frame are coded before the next frame, so the state of every tile is kept: since
/// tiles overlap, this takes more memory than coding the picture whole, which goes frame by frame
/// and needs no tiles. They are here because their result differs visibly from the plain one.
package struct VideoTiling: Sendable, Equatable {
  /// Rows of a tile, in pixels.
  package var rows: Int
  package var columns: Int
  /// Rows from one tile to the next.
  package var rowStride: Int
  package var columnStride: Int

  package init(rows: Int, columns: Int, rowStride: Int, columnStride: Int) {
    self.rows = rows
    self.columns = columns
    self.rowStride = rowStride
    self.columnStride = columnStride
  }

  /// 256 pixels, every 192.
  package static let published = VideoTiling(
    rows: 256, columns: 256, rowStride: 192, columnStride: 192)

  /// Whether a picture is coded in tiles at all: only where both sides reach a tile's size.
  package func applies(rows: Int, columns: Int) -> Bool {
    rows >= self.rows && columns >= self.columns
  }

  /// - Throws: `NetworkError.configuration` unless all sizes are multiples of `unit` and no stride is
  ///   longer than its tile.
  func validate(unit: Int) throws {
    for (key, stride, tile) in [("rows", rowStride, rows), ("columns", columnStride, columns)]
    where stride < 1 || stride > tile || stride % unit != 0 || tile % unit != 0 {
      throw NetworkError.configuration(
        network: WanVAEConfig.network, key: "tiles, \(key)",
        expected: "multiples of \(unit), the stride not longer than the tile",
        found: "a tile of \(tile) every \(stride)")
    }
  }
}

/// The tiles of one picture.
struct TileGrid: Sendable {
  /// Tiles along one side.
  struct Side: Sendable {
    let size: Int
    let stride: Int
    let overlap: Int
    /// A tile begins at every multiple of the stride, however little is left.
    let ranges: [Range<Int>]

    init(size: Int, tile: Int, stride: Int) {
      self.size = size
      self.stride = stride
      overlap = tile - stride
      ranges = Swift.stride(from: 0, to: size, by: stride).map { $0..<min($0 + tile, size) }
    }

    /// The same tiles counted in units of that many.
    func divided(by unit: Int) -> Side {
      Side(size: size / unit, tile: (stride + overlap) / unit, stride: stride / unit)
    }
  }

  let rows: Side
  let columns: Side

  init(rows: Side, columns: Side) {
    self.rows = rows
    self.columns = columns
  }

  /// - Parameter tiling: nil, or one that does not apply, for one tile.
  init(rows: Int, columns: Int, tiling: VideoTiling?) {
    let tiling = tiling.flatMap { $0.applies(rows: rows, columns: columns) ? $0 : nil }
    self.rows = Side(size: rows, tile: tiling?.rows ?? rows, stride: tiling?.rowStride ?? rows)
    self.columns = Side(
      size: columns, tile: tiling?.columns ?? columns, stride: tiling?.columnStride ?? columns)
  }

  var count: Int { rows.ranges.count * columns.ranges.count }

  /// Rows and columns of every tile, row by row.
  var tiles: [(rows: Range<Int>, columns: Range<Int>)] {
    rows.ranges.flatMap { row in columns.ranges.map { (row, $0) } }
  }

  func divided(by unit: Int) -> TileGrid {
    TileGrid(rows: rows.divided(by: unit), columns: columns.divided(by: unit))
  }

  // MARK: Blending

  /// Joins tiles: each is blended into the end of the one above, then of the one to its left (those
  /// already blended and not yet cut), then cut to the stride (`blend_v`, `blend_h`).
  ///
  /// - Parameters:
  ///   - tiles: `[planes, rows, columns, channels]` float32, row by row; overwritten.
  ///   - canvas: `[planes, rows, columns, channels]` float32, contiguous.
  func join(_ tiles: [Tensor], into canvas: Tensor, on context: ComputeContext) {
    precondition(tiles.count == count, "\(tiles.count) tiles for a grid of \(count)")
    context.pool.forEach(canvas.shape[0]) { plane in
      for row in rows.ranges.indices {
        for column in columns.ranges.indices {
          let index = row * columns.ranges.count + column
          let tile = TilePlane(tiles[index], plane)
          if row > 0 {
            tile.blend(
              below: TilePlane(tiles[index - columns.ranges.count], plane), overlap: rows.overlap)
          }
          if column > 0 {
            tile.blend(rightOf: TilePlane(tiles[index - 1], plane), overlap: columns.overlap)
          }
          tile.copyCut(
            rows: min(rows.stride, rows.size - rows.ranges[row].lowerBound),
            columns: min(columns.stride, columns.size - columns.ranges[column].lowerBound),
            to: TilePlane(canvas, plane), row: rows.ranges[row].lowerBound,
            column: columns.ranges[column].lowerBound)
        }
      }
    }
    withExtendedLifetime((tiles, canvas)) {}
  }
}

/// One plane of a tile: `[rows, columns, channels]` float32.
private struct TilePlane {
  let values: UnsafeMutablePointer<Float>
  let rows: Int
  let columns: Int
  let channels: Int

  init(_ tensor: Tensor, _ plane: Int) {
    precondition(tensor.dtype == .f32 && tensor.isContiguous, "a tile of contiguous float32")
    rows = tensor.shape[1]
    columns = tensor.shape[2]
    channels = tensor.shape[3]
    values = tensor.pointer.assumingMemoryBound(to: Float.self) + plane * rows * columns * channels
  }

  private func row(_ index: Int) -> UnsafeMutablePointer<Float> {
    values + index * columns * channels
  }

  func blend(below other: TilePlane, overlap: Int) {
    let extent = min(other.rows, rows, overlap)
    for y in 0..<extent {
      mix(
        row(y), other.row(other.rows - extent + y), columns * channels,
        share: Float(y) / Float(extent))
    }
  }

  func blend(rightOf other: TilePlane, overlap: Int) {
    let extent = min(other.columns, columns, overlap)
    for y in 0..<rows {
      for x in 0..<extent {
        mix(
          row(y) + x * channels, other.row(y) + (other.columns - extent + x) * channels, channels,
          share: Float(x) / Float(extent))
      }
    }
  }

  private func mix(
    _ target: UnsafeMutablePointer<Float>, _ other: UnsafePointer<Float>, _ count: Int,
    share: Float
  ) {
    for index in 0..<count {
      target[index] = other[index] * (1 - share) + target[index] * share
    }
  }

  func copyCut(rows: Int, columns: Int, to canvas: TilePlane, row: Int, column: Int) {
    for y in 0..<rows {
      (canvas.row(row + y) + column * channels).update(
        from: self.row(y), count: columns * channels)
    }
  }
}
