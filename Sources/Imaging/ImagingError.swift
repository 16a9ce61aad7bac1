import TensorCore

/// What can be wrong with a picture, or with what is asked of one.
package enum ImagingError: Error, Equatable, CustomStringConvertible {
  /// A tensor that is no picture of 8-bit channels.
  case notAPicture(operation: String, expected: String, found: String)
  /// A side of the result that is not possible.
  case size(operation: String, rows: Int, columns: Int, limit: String)
  /// A picture so thin that a side of the result has no pixel.
  case tooThin(rows: Int, columns: Int, longerSide: Int)

  /// What failed, what was expected, what was found.
  package var description: String {
    switch self {
    case .notAPicture(let operation, let expected, let found):
      "\(operation): expected \(expected), found \(found)"
    case .size(let operation, let rows, let columns, let limit):
      "\(operation): \(columns)x\(rows) pixels are not possible: \(limit)"
    case .tooThin(let rows, let columns, let longerSide):
      "a picture of \(columns)x\(rows) pixels is too thin: with a longer side of \(longerSide) "
        + "the other would have no pixel; use a picture whose sides are closer to each other"
    }
  }
}

extension Tensor {
  /// The picture's bytes in row-major order.
  ///
  /// - Parameter channels: what the last axis may be.
  /// - Throws: `ImagingError.notAPicture` unless it is U8 `[rows, columns, channels]`, not empty.
  func picture(for operation: String, channels: [Int] = [3]) throws -> Tensor {
    guard dtype == .u8, shape.rank == 3, count > 0, channels.contains(shape[2]) else {
      let names = channels.map(String.init).joined(separator: " or ")
      throw ImagingError.notAPicture(
        operation: operation, expected: "U8 [rows, columns, \(names)], not empty",
        found: "\(dtype.rawValue) \(shape)")
    }
    return try contiguous()
  }
}
