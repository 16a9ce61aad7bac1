import TensorCore

/// A colour to draw with.
package struct DrawingColor: Sendable, Equatable {
  package let red: UInt8
  package let green: UInt8
  package let blue: UInt8

  package init(red: UInt8, green: UInt8, blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  package static let black = DrawingColor(red: 0, green: 0, blue: 0)
  package static let white = DrawingColor(red: 255, green: 255, blue: 255)
}

/// A picture to draw on: smooth dots and lines, rectangles, small text. What lies outside is cut off;
/// places that are not finite draw nothing.
///
/// Points are `(x, y)` in pixels, with whole numbers at the centres of pixels.
package struct Canvas: ~Copyable {
  /// What was drawn so far: U8 `[rows, columns, 3]`.
  package let pixels: Tensor
  private let order: PixelOrder
  private let rows: Int
  private let columns: Int

  /// Begins with a copy of a picture.
  ///
  /// - Throws: `ImagingError.notAPicture`, `TensorError.outOfMemory`.
  package init(copying picture: Tensor, order: PixelOrder) throws {
    let source = try picture.picture(for: "drawing")
    let copy = try Tensor(uninitialized: source.shape, dtype: .u8)
    withExtendedLifetime(source) {
      copy.pointer.copyMemory(from: source.pointer, byteCount: source.byteCount)
    }
    pixels = copy
    self.order = order
    (rows, columns) = (source.shape[0], source.shape[1])
  }

  /// A filled circle.
  package func dot(at center: SIMD2<Double>, radius: Double, color: DrawingColor) {
    line(from: center, to: center, width: 2 * radius, color: color)
  }

  /// A line with round ends.
  package func line(
    from start: SIMD2<Double>, to end: SIMD2<Double>, width: Double, color: DrawingColor
  ) {
    let reach = width / 2 + 0.5
    guard reach > 0.5, (start + end).isFinite, (end - start).isFinite, reach.isFinite else {
      return
    }
    let low = pointwiseMin(start, end) - reach
    let high = pointwiseMax(start, end) + reach
    let along = end - start
    let squared = (along * along).sum()
    for row in Self.pixels(low.y, high.y, rows) {
      for column in Self.pixels(low.x, high.x, columns) {
        let point = SIMD2(Double(column), Double(row))
        // The nearest place of the line.
        let share = squared > 0 ? min(max(((point - start) * along).sum() / squared, 0), 1) : 0
        let offset = point - (start + share * along)
        blend(row, column, color, reach - (offset * offset).sum().squareRoot())
      }
    }
  }

  /// A rectangle's outline.
  package func rectangle(
    from low: SIMD2<Double>, to high: SIMD2<Double>, width: Double, color: DrawingColor
  ) {
    let corners = [low, SIMD2(high.x, low.y), high, SIMD2(low.x, high.y), low]
    for (start, end) in zip(corners, corners.dropFirst()) {
      line(from: start, to: end, width: width, color: color)
    }
  }

  /// A filled rectangle of whole pixels.
  package func fill(rows: Range<Int>, columns: Range<Int>, color: DrawingColor) {
    for row in rows.clamped(to: 0..<self.rows) {
      for column in columns.clamped(to: 0..<self.columns) { blend(row, column, color, 1) }
    }
  }

  /// One line of text in a font of 5x7 pixels, 6 apart; small letters are drawn as capitals.
  ///
  /// - Parameters:
  ///   - row: of its upper left pixel; `column` likewise.
  ///   - scale: how many pixels wide and high the font's are.
  ///   - background: of a box one font pixel larger than the text, nil for none.
  package func text(
    _ text: String, row: Int, column: Int, scale: Int = 1, color: DrawingColor,
    background: DrawingColor? = nil
  ) {
    let places = -(1 << 24)...(1 << 24)
    guard places.contains(row), places.contains(column), (1...1024).contains(scale) else { return }
    if let background {
      let width = BitmapFont.width(of: text)
      fill(
        rows: row - scale..<row + (BitmapFont.height + 1) * scale,
        columns: column - scale..<column + (width + 1) * scale, color: background)
    }
    for (place, character) in text.enumerated() {
      let left = column + place * BitmapFont.advance * scale
      if left >= columns { break }
      for (line, bits) in BitmapFont.rows(of: character).enumerated() {
        for dot in 0..<BitmapFont.glyphWidth
        where bits >> (BitmapFont.glyphWidth - 1 - dot) & 1 == 1 {
          let (top, start) = (row + line * scale, left + dot * scale)
          fill(rows: top..<top + scale, columns: start..<start + scale, color: color)
        }
      }
    }
  }

  /// The pixels of an axis between two places.
  private static func pixels(_ low: Double, _ high: Double, _ count: Int) -> Range<Int> {
    let first = min(max(low.rounded(.up), 0), Double(count))
    let last = min(max(high.rounded(.down), -1), Double(count - 1))
    return Int(first)..<max(Int(last) + 1, Int(first))
  }

  /// - Parameter coverage: how much of the pixel is covered; below 0 nothing, above 1 all.
  private func blend(_ row: Int, _ column: Int, _ color: DrawingColor, _ coverage: Double) {
    guard coverage > 0 else { return }
    let share = min(coverage, 1)
    let place = (pixels.pointer + (row * columns + column) * 3).assumingMemoryBound(to: UInt8.self)
    let (first, last) = order == .rgb ? (color.red, color.blue) : (color.blue, color.red)
    for channel in 0..<3 {
      let level = channel == 0 ? first : channel == 1 ? color.green : last
      let mixed = Double(place[channel]) * (1 - share) + Double(level) * share
      place[channel] = UInt8(mixed.rounded())
    }
  }
}

extension SIMD2<Double> {
  fileprivate var isFinite: Bool { x.isFinite && y.isFinite }
}
