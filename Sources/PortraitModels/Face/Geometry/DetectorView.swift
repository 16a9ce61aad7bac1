import Imaging
import TensorCore

/// The part of a frame that the face detector sees at once.
package struct DetectorView: Sendable, Equatable {
  /// In pixels of the frame; `right` and `bottom` are one past the last pixel.
  package let region: FaceBox
  /// Rows and columns of the network's input.
  package let rows: Int
  package let columns: Int

  /// - Parameters:
  ///   - region: not empty.
  package init(region: FaceBox, rows: Int, columns: Int) {
    self.region = region
    self.rows = rows
    self.columns = columns
  }

  /// Pixels of the input for each one of the frame.
  package var scale: Double {
    min(Double(columns) / region.width, Double(rows) / region.height)
  }

  /// From the frame to the network's input: the ratio of the sides is kept, centre on centre.
  package var homography: Homography {
    let centred = AffineMatrix.translation(-region.centre).followed(by: .scaling(scale))
    return Homography(
      centred.followed(by: .translation([Double(columns) / 2, Double(rows) / 2])))
  }
}

extension DetectorView {
  /// What the network sees of a frame; black beside it.
  ///
  /// - Returns: U8 `[rows, columns, 3]`, blue, green and red.
  /// - Throws: `ImagingError`.
  package func picture(
    of frame: FaceFrame, on context: ComputeContext = .shared
  ) throws -> Tensor {
    try frame.pixels.warped(by: homography, rows: rows, columns: columns, on: context)
  }

  /// Mean and standard deviation of blue, green and red, in levels.
  private static let statistics: [(mean: Float, deviation: Float)] = [
    (103.53, 57.375), (116.28, 57.12), (123.675, 58.395),
  ]

  /// A picture as the network takes it.
  ///
  /// - Parameter picture: U8 `[rows, columns, 3]`, blue, green and red.
  /// - Returns: `[1, 3, rows, columns]` float32, (v / 255 - mean / 255) / (deviation / 255).
  package static func normalized(_ picture: Tensor) throws -> Tensor {
    try picture.planes { value, channel in
      let (mean, deviation) = statistics[channel]
      return (value / 255 - mean / 255) / (deviation / 255)
    }
  }
}

extension Tensor {
  /// Channels of a picture as planes, each level mapped by a function.
  ///
  /// - Parameter map: of a level, 0 to 255, and its channel.
  /// - Returns: `[1, 3, rows, columns]` float32, of U8 `[rows, columns, 3]`.
  func planes(_ map: (Float, Int) -> Float) throws -> Tensor {
    let source = try contiguous()
    let pixels = shape[0] * shape[1]
    let result = try Tensor(uninitialized: [1, 3, shape[0], shape[1]], dtype: .f32)
    withExtendedLifetime(source) {
      let levels = source.pointer.assumingMemoryBound(to: UInt8.self)
      let values = result.pointer.assumingMemoryBound(to: Float.self)
      for channel in 0..<3 {
        let table = (0..<256).map { map(Float($0), channel) }
        table.withUnsafeBufferPointer { table in
          let plane = values + channel * pixels
          for pixel in 0..<pixels { plane[pixel] = table[Int(levels[3 * pixel + channel])] }
        }
      }
    }
    return result
  }
}
