import TensorCore

/// The still picture that a video begins with: its size, and how it is brought there.
package enum ReferencePicture {
  /// What the sides of the result are multiples of.
  package static let unit = 16
  /// The longest side that is taken.
  package static let longestSide = 16384

  /// The size of the result: the longer side becomes `maxSize`, the other follows; both are cut to
  /// whole numbers and rounded up to multiples of 16 (01-pipeline, 1.2).
  ///
  /// - Throws: `ImagingError.tooThin` where a side has no pixel left, `ImagingError.size`.
  package static func size(
    rows: Int, columns: Int, maxSize: Int
  ) throws -> (rows: Int, columns: Int) {
    guard rows > 0, columns > 0, (1...longestSide).contains(maxSize) else {
      throw ImagingError.size(
        operation: "reference picture", rows: rows, columns: columns,
        limit:
          "sides above 0, and a longer side of 1 to \(longestSide) in the result, not \(maxSize)"
      )
    }
    let scale = Double(maxSize) / Double(max(rows, columns))
    let cut = (rows: Int(Double(rows) * scale), columns: Int(Double(columns) * scale))
    guard cut.rows > 0, cut.columns > 0 else {
      throw ImagingError.tooThin(rows: rows, columns: columns, longerSide: maxSize)
    }
    return (
      cut.rows.roundedUp(toMultipleOf: unit), cut.columns.roundedUp(toMultipleOf: unit)
    )
  }

  /// The picture at its size, by Pillow's Lanczos filter.
  ///
  /// - Parameter pixels: U8 `[rows, columns, 3]`.
  /// - Throws: `ImagingError`, `TensorError`.
  package static func prepared(
    _ pixels: Tensor, maxSize: Int, on context: ComputeContext = .shared
  ) throws -> Tensor {
    let source = try pixels.picture(for: "reference picture")
    let size = try size(rows: source.shape[0], columns: source.shape[1], maxSize: maxSize)
    return try source.resized(
      rows: size.rows, columns: size.columns, filter: .lanczos, on: context)
  }

  /// The picture straight at a size, whatever its own proportions, by Pillow's Lanczos filter.
  ///
  /// - Parameters:
  ///   - pixels: U8 `[rows, columns, 3]`.
  ///   - rows, columns: multiples of 16 up to `longestSide`.
  /// - Throws: `ImagingError`, `TensorError`.
  package static func prepared(
    _ pixels: Tensor, rows: Int, columns: Int, on context: ComputeContext = .shared
  ) throws -> Tensor {
    try check(rows: rows, columns: columns)
    let source = try pixels.picture(for: "reference picture")
    return try source.resized(rows: rows, columns: columns, filter: .lanczos, on: context)
  }

  /// Checks a size that is asked for.
  ///
  /// - Throws: `ImagingError.size` unless both sides are multiples of 16 up to `longestSide`.
  package static func check(rows: Int, columns: Int) throws {
    for side in [rows, columns]
    where side % unit != 0 || !(unit...longestSide).contains(side) {
      throw ImagingError.size(
        operation: "reference picture", rows: rows, columns: columns,
        limit: "both sides are multiples of \(unit) from \(unit) to \(longestSide)")
    }
  }
}
