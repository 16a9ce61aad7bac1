import Foundation
import ONNX
import PortraitModels

/// Networks with the inputs and outputs of the published face networks that see the same face in every
/// picture.
enum SyntheticFaceNetworks {
  /// - Throws: what the ONNX writer throws.
  static func file(of network: FaceNetworkName) throws -> Data {
    switch network {
    case .detector: try detector.encoded()
    case .landmarks: try landmarks.encoded()
    }
  }

  // MARK: Detector

  private static let input = (rows: 272, columns: 160)

  /// The face in the middle of the input, small enough for frames of any shape: their shorter side is
  /// 90 pixels of the input at 16:9.
  private static let face = FaceBox(left: 48, top: 104, right: 112, bottom: 168)

  /// One cell of the coarsest resolution sees the face, the others see nothing.
  private static var detector: ConstantGraph {
    let grids = [8, 16, 32].map {
      DetectorGrid(stride: $0, inputRows: input.rows, inputColumns: input.columns)
    }
    let coarsest = grids[2]
    let (row, column) = (input.rows / 2 / coarsest.stride, input.columns / 2 / coarsest.stride)
    let seeing = row * coarsest.columns + column
    let (x, y) = (Double(column * coarsest.stride), Double(row * coarsest.stride))
    let distances = [x - face.left, y - face.top, face.right - x, face.bottom - y]
    let logits = distances.flatMap { Self.logits(distance: $0 / Double(coarsest.stride)) }
    var scores = grids.map { [Float](repeating: 0, count: $0.cells) }
    var boxes = grids.map { [Float](repeating: 0, count: $0.cells * DetectorGrid.logitsPerCell) }
    scores[2][seeing] = 0.99
    boxes[2].replaceSubrange(
      seeing * logits.count..<(seeing + 1) * logits.count, with: logits)
    let outputs =
      zip(grids, scores).map { grid, values in
        ConstantGraph.Output(
          name: "scores_stride\(grid.stride)", shape: [1, grid.cells, 1], values: values)
      }
      + zip(grids, boxes).map { grid, values in
        ConstantGraph.Output(
          name: "boxes_stride\(grid.stride)",
          shape: [1, grid.cells, DetectorGrid.logitsPerCell], values: values)
      }
    return ConstantGraph(
      name: "face_detector", input: ("input", [1, 3, input.rows, input.columns]),
      outputs: outputs)
  }

  /// Of a distribution over 0, 1, 2, ... whose mean is a distance: it lies on the two bins beside it.
  ///
  /// - Parameter distance: in strides, 0 to 7.
  private static func logits(distance: Double) -> [Float] {
    (0..<DetectorGrid.bins).map { bin in
      let share = max(0, 1 - abs(distance - Double(bin)))
      return share > 0 ? Float(log(share)) : -50
    }
  }

  // MARK: Landmarks

  private static let cropSize = 128

  private static var landmarks: ConstantGraph {
    let points = MeanFace.landmarks.points
    return ConstantGraph(
      name: "face_landmarks", input: ("input", [1, 3, cropSize, cropSize]),
      outputs: [
        .init(
          name: "landmarks", shape: [1, 2 * FaceLandmarks.count],
          values: points.map { Float($0.x) } + points.map { Float($0.y) }),
        .init(name: "euler", shape: [1, 3], values: [0, 0, 0]),
        .init(name: "probability", shape: [1, 1], values: [0.99]),
      ])
  }
}
