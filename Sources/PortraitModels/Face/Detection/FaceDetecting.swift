import TensorCore

/// A face that a detector found.
package struct DetectedFace: Sendable, Equatable {
  /// In pixels of the frame.
  package let box: FaceBox
  /// 0 to 1.
  package let score: Float

  package init(box: FaceBox, score: Float) {
    self.box = box
    self.score = score
  }
}

/// Finds the faces in a part of a frame.
package protocol FaceDetecting: Sendable {
  /// - Parameters:
  ///   - frame: checked by the caller.
  ///   - region: what is looked at, inside the frame; right and bottom are one past the last pixel.
  /// - Returns: best first; none covers much of another.
  func faces(in frame: FaceFrame, region: FaceBox) throws -> [DetectedFace]

  /// Rows and columns of the picture that the network sees, into which a region is fitted.
  var inputSize: (rows: Int, columns: Int) { get }
}

extension FaceDetecting {
  /// The faces that are found in the whole frame at once.
  package func faces(in frame: FaceFrame) throws -> [DetectedFace] {
    try faces(in: frame, region: frame.bounds)
  }
}
