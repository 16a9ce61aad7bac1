import TensorCore

/// A frame of a video in which faces are looked for.
package struct FaceFrame: Sendable {
  /// `[rows, columns, 3]` bytes of blue, green and red.
  package let pixels: Tensor
  /// Its number in the video, from 0.
  package let index: Int

  package init(pixels: Tensor, index: Int) {
    self.pixels = pixels
    self.index = index
  }

  /// `FaceBox` of all pixels: right and bottom are the columns and rows.
  package var bounds: FaceBox {
    FaceBox(left: 0, top: 0, right: Double(pixels.shape[1]), bottom: Double(pixels.shape[0]))
  }

  /// - Throws: `FaceError.frame` unless the pixels are bytes `[rows, columns, 3]`, not empty.
  package func validate() throws {
    guard pixels.dtype == .u8, pixels.shape.rank == 3, pixels.shape[2] == 3, pixels.count > 0
    else {
      throw FaceError.frame(index: index, found: "\(pixels.dtype.rawValue) \(pixels.shape)")
    }
  }
}
