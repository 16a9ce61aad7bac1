import TensorCore

/// Draws on a copy of a picture. What lies outside the picture is cut off; positions are in pixels, those
/// of whole numbers being the pixels' centres.
package struct Canvas {
  /// The picture with what was drawn.
  package let pixels: Tensor

  private let order: PixelOrder
  private let rows: Int
  private let columns: Int

  /// - Parameter picture: U8 `[rows, columns, 3]`; it is copied.
  /// - Throws: `ImagingError.notAPicture`, `TensorError.outOfMemory`.
  package init(copying picture: Tensor, order: PixelOrder) throws {
    let source = try picture.picture(for: "drawing")
    pixels = try Tensor(uninitialized: source.shape, dtype: .u8)
    pixels.pointer.copyMemory(from: source.pointer, byteCount: source.byteCount)
    self.order = order
    (rows, columns) = (pixels.shape[0], pixels.shape[1])
  }

  /// A filled disc with a smooth edge.
  package func fillDisc(center: SIMD2<Double>, radius: Double, color: Color) {
    guard center.x.isFinite, center.y.isFinite, radius > 0 else { return }
    let reach = radius + 1
    cover(
      columns: (center.x - reach)...(center.x + reach),
      rows: (center.y - reach)...(center.y + reach), color
    ) { point in
      let offset = point - center
      return radius + 0.5 - (offset * offset).sum().squareRoot()
    }
  }

  /// The outline of a rectangle.
  ///
  /// - Parameters:
  ///   - from, to: its left upper and right lower corner.
  ///   - thickness: of the line, which lies inside.
  package func strokeRectangle(
    from: SIMD2<Double>, to: SIMD2<Double>, thickness: Double, color: Color
  ) {
    fillRectangle(from: from, to: SIMD2(to.x, from.y + thickness), color: color)
    fillRectangle(from: SIMD2(from.x, to.y - thickness), to: to, color: color)
    let (top, bottom) = (from.y + thickness, to.y - thickness)
    fillRectangle(
      from: SIMD2(from.x, top), to: SIMD2(from.x + thickness, bottom), color: color)
    fillRectangle(from: SIMD2(to.x - thickness, top), to: SIMD2(to.x, bottom), color: color)
  }

  /// A filled rectangle: its pixels' centres lie from its left upper corner up to, and not on, its
  /// right lower one.
  package func fillRectangle(from: SIMD2<Double>, to: SIMD2<Double>, color: Color) {
    guard from.x < to.x, from.y < to.y else { return }
    cover(columns: from.x...to.x, rows: from.y...to.y, color) { point in
      point.x >= from.x && point.x < to.x && point.y >= from.y && point.y < to.y ? 1 : 0
    }
  }

  /// A line of text on a ground of its own.
  ///
  /// - Parameters:
  ///   - place: the left upper corner of the ground.
  ///   - point: side of the squares that letters are made of, 1 or more; a letter is 7 of them high.
  package func write(
    _ text: String, at place: SIMD2<Double>, point: Int, color: Color, ground: Color
  ) {
    let point = Double(max(point, 1))
    let letters = text.map(Lettering.rows)
    let size = Self.textSize(text, point: Int(point))
    fillRectangle(from: place, to: place + size, color: ground)
    for (number, rows) in letters.enumerated() {
      let left = place.x + point * Double(1 + number * Lettering.advance)
      for (row, bits) in (rows ?? []).enumerated() {
        for column in 0..<Lettering.columns where bits >> (Lettering.columns - 1 - column) & 1 == 1
        {
          let corner = SIMD2(
            left + point * Double(column), place.y + point * Double(1 + row))
          fillRectangle(from: corner, to: corner + point, color: color)
        }
      }
    }
  }

  /// Columns and rows that a line of text takes with its ground.
  package static func textSize(_ text: String, point: Int) -> SIMD2<Double> {
    SIMD2(
      Double(point * (1 + text.count * Lettering.advance)),
      Double(point * (2 + Lettering.rows)))
  }

  /// Mixes a colour into the pixels of a range.
  ///
  /// - Parameter share: of the colour at a place, 1 or more being all of it.
  private func cover(
    columns columnRange: ClosedRange<Double>, rows rowRange: ClosedRange<Double>, _ color: Color,
    share: (SIMD2<Double>) -> Double
  ) {
    let paint = color.channels(order)
    let base = pixels.pointer.assumingMemoryBound(to: UInt8.self)
    for row in Self.whole(rowRange, below: rows) {
      for column in Self.whole(columnRange, below: columns) {
        let share = min(max(share(SIMD2(Double(column), Double(row))), 0), 1)
        guard share > 0 else { continue }
        let pixel = base + 3 * (row * columns + column)
        for channel in 0..<3 {
          let old = Double(pixel[channel])
          pixel[channel] = UInt8((old + (paint[channel] - old) * share).rounded())
        }
      }
    }
  }

  /// Whole numbers of a range that are indices.
  private static func whole(_ range: ClosedRange<Double>, below count: Int) -> Range<Int> {
    let first = range.lowerBound.rounded(.up)
    let last = range.upperBound.rounded(.down)
    guard first < Double(count), last >= 0, first <= last else { return 0..<0 }
    return Int(max(first, 0))..<Int(min(last, Double(count - 1))) + 1
  }
}
