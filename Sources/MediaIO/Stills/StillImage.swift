import CPNG
import Foundation
import OutputFiles
import TensorCore

/// Pictures in files of their own.
package enum StillImage {
  /// Reads a picture: PNG by libpng, all else by FFmpeg, of an animation the first frame.
  ///
  /// It is turned as its EXIF orientation says. Alpha is dropped, as Pillow's `convert("RGB")` does; of
  /// 16 bits the upper 8 stay. JPEG and WebP have the colours
  /// and the upsampling of libjpeg and libwebp (`StillColors`); JPEG is up to 3 levels from Pillow.
  ///
  /// - Returns: red, green and blue, U8 `[rows, columns, 3]`.
  /// - Throws: `MediaError` for what is missing, unreadable, damaged, no picture or too large;
  ///   `TensorError.outOfMemory`.
  package static func read(_ path: String) throws -> Tensor {
    let bytes = try StillFile.bytes(of: path)
    switch StillFormat(bytes) {
    case .png: return try PNGFile.pixels(bytes, path)
    case .packet(let codec): return try StillDecoder(path: path, codec: codec).pixels(bytes)
    case .other: return try firstFrame(path)
    }
  }

  /// Writes a picture as PNG of 8 bits; the file appears when it is whole, and the same pixels give
  /// the same bytes.
  ///
  /// - Parameter pixels: red, green and blue, U8 `[rows, columns, 3]`.
  /// - Throws: `OutputError`, `MediaError.notEncodable`.
  package static func writePNG(_ pixels: Tensor, _ path: String) throws {
    guard pixels.dtype == .u8, pixels.shape.rank == 3, pixels.shape[2] == 3,
      PictureLimit.allows(width: pixels.shape[1], height: pixels.shape[0])
    else {
      throw MediaError.notEncodable(
        path: path,
        reason: "expected a picture, U8 [rows, columns, 3] of 1 to \(PictureLimit.pixels) pixels, "
          + "found \(pixels.dtype.rawValue) \(pixels.shape)")
    }
    try AtomicFile.write(PNGFile.data(pixels.contiguous(), path), to: path)
  }

  /// Animations, and pictures that lie in a container.
  private static func firstFrame(_ path: String) throws -> Tensor {
    do {
      guard let frame = try VideoReader(path: path, order: .rgb).next() else {
        throw MediaError.nothingToRead(path: path, expected: "a picture", found: "nothing")
      }
      return frame.pixels
    } catch MediaError.malformed(let path, _, let reason) {
      throw MediaError.malformed(path: path, expected: "a picture", reason: reason)
    }
  }
}
