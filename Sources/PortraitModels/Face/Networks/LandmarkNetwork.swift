import Imaging
import ONNX
import TensorCore

/// The landmark network (`face_landmark.onnx`).
package struct LandmarkNetwork: LandmarkRegressing {
  private let network: ONNXNetwork
  private let input: PictureInput
  private let context: ComputeContext

  /// Where a file leaves the size of its input open.
  private static let defaultSize = (rows: 128, columns: 128)

  /// Reads a file, and runs it once, so that one that is no landmark network is found out at once.
  ///
  /// - Throws: `ONNXError`, `FaceError.network`.
  package init(contentsOf path: String, context: ComputeContext = .shared) throws {
    try self.init(ONNXNetwork(contentsOf: path, context: context), context: context)
  }

  /// - Throws: `ONNXError`, `FaceError.network`.
  package init(_ network: ONNXNetwork, context: ComputeContext = .shared) throws {
    self.network = network
    self.context = context
    input = try PictureInput(of: network, kind: "a landmark network", size: Self.defaultSize)
    guard input.rows == input.columns else {
      throw FaceError.network(
        file: network.file, expected: "a landmark network with a square input",
        found: "\(input.rows) rows and \(input.columns) columns")
    }
    _ = try landmarks(in: Tensor(zeros: [input.rows, input.columns, 3], dtype: .u8))
  }

  package var cropSize: Int { input.rows }

  /// - Throws: `ONNXError`, `FaceError.network`.
  package func landmarks(in crop: Tensor) throws -> LandmarkEstimate {
    let planes = try crop.planes { value, _ in value / 255 }
      .converted(to: input.dtype, on: context)
    return try LandmarkEstimate(
      outputs: network.run([input.name: planes]), file: network.file, on: context)
  }
}
