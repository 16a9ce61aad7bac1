import Imaging
import ONNX
import TensorCore

/// The face detector (`face_det.onnx`).
package struct FaceDetectorNetwork: FaceDetecting {
  private let network: ONNXNetwork
  private let input: PictureInput
  private let context: ComputeContext

  /// Where a file leaves the size of its input open.
  private static let defaultSize = (rows: 272, columns: 160)

  /// Reads a file, and runs it once, so that one that is no face detector is found out at once.
  ///
  /// - Throws: `ONNXError`, `FaceError.network`.
  package init(contentsOf path: String, context: ComputeContext = .shared) throws {
    try self.init(ONNXNetwork(contentsOf: path, context: context), context: context)
  }

  /// - Throws: `ONNXError`, `FaceError.network`.
  package init(_ network: ONNXNetwork, context: ComputeContext = .shared) throws {
    self.network = network
    self.context = context
    input = try PictureInput(of: network, kind: "a face detector", size: Self.defaultSize)
    _ = try output(Tensor(zeros: [input.rows, input.columns, 3], dtype: .u8))
  }

  package var inputSize: (rows: Int, columns: Int) { (input.rows, input.columns) }

  /// - Throws: `ImagingError`, `ONNXError`, `FaceError.network`.
  package func faces(in frame: FaceFrame, region: FaceBox) throws -> [DetectedFace] {
    let view = DetectorView(region: region, rows: input.rows, columns: input.columns)
    return try output(view.picture(of: frame, on: context))
      .faces(view: view, frame: frame.bounds)
  }

  private func output(_ picture: Tensor) throws -> DetectorOutput {
    let planes = try DetectorView.normalized(picture).converted(to: input.dtype, on: context)
    return try DetectorOutput(
      outputs: network.run([input.name: planes]), file: network.file, rows: input.rows,
      columns: input.columns, on: context)
  }
}
