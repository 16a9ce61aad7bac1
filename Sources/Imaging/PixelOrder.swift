/// The order of the three channels of a picture `[rows, columns, 3]`.
package enum PixelOrder: String, Sendable {
  /// As pictures are stored and shown.
  case rgb
  /// As the published face path has them (OpenCV's order).
  case bgr
}
