import ONNX
import TensorCore

/// The one input of a face network: a picture as planes, `[1, 3, rows, columns]`.
package struct PictureInput: Sendable, Equatable {
  package let name: String
  package let rows: Int
  package let columns: Int
  package let dtype: DType

  /// - Parameters:
  ///   - name: of the input.
  ///   - dtype: nil where the file names none.
  ///   - dimensions: likewise.
  ///   - size: rows and columns where the file leaves them open.
  /// - Returns: nil where the input is no picture of that kind.
  package init?(
    name: String, dtype: DType?, dimensions: [ValueDescription.Dimension]?,
    size: (rows: Int, columns: Int)
  ) {
    self.name = name
    self.dtype = dtype ?? .f32
    guard self.dtype.isFloatingPoint else { return nil }
    var sizes = [1, 3, size.rows, size.columns]
    if let dimensions {
      guard dimensions.count == 4 else { return nil }
      for (axis, dimension) in dimensions.enumerated() {
        guard case .fixed(let size) = dimension else { continue }
        guard axis < 2 ? size == sizes[axis] : (32...4096).contains(size) else { return nil }
        sizes[axis] = size
      }
    }
    rows = sizes[2]
    columns = sizes[3]
  }

  /// The only input of a network.
  ///
  /// - Parameter kind: what the network should be, for errors.
  /// - Throws: `FaceError.network`.
  init(of network: ONNXNetwork, kind: String, size: (rows: Int, columns: Int)) throws {
    let inputs = network.inputs
    guard inputs.count == 1, let input = inputs.first,
      let picture = PictureInput(
        name: input.name, dtype: input.dtype, dimensions: input.dimensions, size: size)
    else {
      throw FaceError.network(
        file: network.file, expected: "\(kind) with one input, [1, 3, rows, columns]",
        found: inputs.isEmpty
          ? "no input" : inputs.map(\.description).joined(separator: "; "))
    }
    self = picture
  }
}
