import CPNG
import Foundation
import TensorCore

/// PNG files in memory.
enum PNGFile {
  /// The upright picture of a file.
  ///
  /// - Parameter path: for errors.
  static func pixels(_ bytes: [UInt8], _ path: String) throws -> Tensor {
    try bytes.withUnsafeBufferPointer { bytes in
      try withMessage(path) { message in
        guard let reader = cpng_reader_create(bytes.baseAddress, bytes.count, message) else {
          return nil
        }
        defer { cpng_reader_destroy(reader) }
        let (columns, rows) = (Int(cpng_reader_width(reader)), Int(cpng_reader_height(reader)))
        guard PictureLimit.allows(width: columns, height: rows) else {
          throw MediaError.tooLarge(
            path: path, width: columns, height: rows, limit: PictureLimit.pixels)
        }
        let stored = try Tensor(uninitialized: [rows, columns, 3], dtype: .u8)
        let target = stored.pointer.assumingMemoryBound(to: UInt8.self)
        guard cpng_reader_pixels(reader, target, message) else { return nil }
        return try stored.turned(orientation(reader))
      }
    }
  }

  private static func orientation(_ reader: OpaquePointer) -> Orientation {
    var count = 0
    guard let exif = cpng_reader_exif(reader, &count) else { return .upright }
    return EXIFOrientation.inside(UnsafeBufferPointer(start: exif, count: count))
  }

  /// Runs a function of the library that leaves a message where it returns nothing.
  private static func withMessage<Result>(
    _ path: String, _ body: (UnsafeMutablePointer<CChar>) throws -> Result?
  ) throws -> Result {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: CPNG_MESSAGE) {
      message in
      if let result = try body(message.baseAddress!) { return result }
      throw MediaError.malformed(
        path: path, expected: "a PNG picture", reason: String(cString: message.baseAddress!))
    }
  }

  /// A file of a picture.
  ///
  /// - Parameters:
  ///   - pixels: U8 `[rows, columns, 3]`, contiguous.
  ///   - path: for errors.
  static func data(_ pixels: Tensor, _ path: String) throws -> Data {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: CPNG_MESSAGE) {
      message in
      var file = cpng_file()
      let isWritten = withExtendedLifetime(pixels) {
        cpng_write(
          pixels.pointer.assumingMemoryBound(to: UInt8.self), UInt32(pixels.shape[1]),
          UInt32(pixels.shape[0]), &file, message.baseAddress)
      }
      guard isWritten, let bytes = file.bytes else {
        throw MediaError.notEncodable(path: path, reason: String(cString: message.baseAddress!))
      }
      defer { cpng_free(&file) }
      return Data(bytes: bytes, count: file.count)
    }
  }
}

extension Tensor {
  /// The picture `[rows, columns, 3]` turned upright; itself where it is.
  func turned(_ orientation: Orientation) throws -> Tensor {
    if orientation == .upright { return self }
    let (rows, columns) = (shape[0], shape[1])
    let size =
      orientation.swapsAxes ? (rows: columns, columns: rows) : (rows: rows, columns: columns)
    let result = try Tensor(uninitialized: [size.rows, size.columns, 3], dtype: .u8)
    let base = UnsafePointer(pointer.assumingMemoryBound(to: UInt8.self))
    let planes = PixelPlanes(
      red: base, green: base + 1, blue: base + 2, pixelStep: 3, rowStep: columns * 3, rows: rows,
      columns: columns)
    withExtendedLifetime(self) {
      planes.copy(
        to: result.pointer.assumingMemoryBound(to: UInt8.self), stride: size.columns,
        orientation: orientation, isBlueFirst: false)
    }
    return result
  }
}
