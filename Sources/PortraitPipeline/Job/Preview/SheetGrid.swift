import Imaging
import TensorCore

/// Where the pictures of a contact sheet lie: rows of equal pictures under a line of text.
struct SheetGrid {
  /// Side of the squares that letters are made of.
  static let point = 2

  /// Width to height of the sheet, about.
  private static let proportion = 1.6
  private static let lineHeight = Int(Canvas.textSize("", point: point).y)

  private let rows: Int
  private let columns: Int
  private let picturesInRow: Int
  private let rowCount: Int

  /// - Parameters:
  ///   - count: of the pictures, 1 or more.
  ///   - rows: of a picture; `columns` likewise.
  init(count: Int, rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    func distortion(_ inRow: Int) -> Double {
      let found = Double(inRow * columns) / Double(count.dividedUp(by: inRow) * rows)
      return max(found / Self.proportion, Self.proportion / found)
    }
    picturesInRow = (1...count).min { distortion($0) < distortion($1) } ?? 1
    rowCount = count.dividedUp(by: picturesInRow)
  }

  var width: Int { picturesInRow * columns }
  var height: Int { Self.lineHeight + rowCount * rows }

  /// A picture's left upper corner.
  func place(of index: Int) -> (row: Int, column: Int) {
    (Self.lineHeight + index / picturesInRow * rows, index % picturesInRow * columns)
  }

  /// A picture's label, or a shorter one where it would reach into the next picture.
  func label(_ long: String, orShort short: String) -> String {
    Int(Canvas.textSize(long, point: Self.point).x) <= columns ? long : short
  }
}

extension Tensor {
  /// Copies a picture, U8 `[rows, columns, 3]`, to a place of a larger one.
  func copyPixels(into sheet: Tensor, at place: (row: Int, column: Int)) {
    let bytes = shape[1] * 3
    for row in 0..<shape[0] {
      (sheet.pointer + ((place.row + row) * sheet.shape[1] + place.column) * 3)
        .copyMemory(from: pointer + row * bytes, byteCount: bytes)
    }
    withExtendedLifetime((self, sheet)) {}
  }
}
