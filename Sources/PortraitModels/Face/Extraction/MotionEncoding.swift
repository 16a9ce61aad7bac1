import TensorCore

/// Reads expressions off aligned face crops.
package protocol MotionEncoding: Sendable {
  /// - Parameter crops: `[crops, cropSize, cropSize, 3]` bytes of blue, green and red.
  /// - Returns: `[crops, width]` float32.
  func features(bgr crops: Tensor) throws -> Tensor

  /// Rows and columns of a crop.
  var cropSize: Int { get }
  /// Numbers of a crop.
  var width: Int { get }
}

extension MotionEncoder: MotionEncoding {
  package func features(bgr crops: Tensor) throws -> Tensor { try self(bgr: crops) }
  package var cropSize: Int { config.imageSize }
  package var width: Int { config.layout.width }
}
