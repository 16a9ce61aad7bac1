import Foundation
import SwiftProtobuf
import TensorCore

/// A tensor in a file of its own, as the standard's test data has them.
package struct TensorFile: Sendable {
  /// As in the file; may be empty.
  package let name: String
  package let tensor: Tensor

  /// - Throws: `ONNXError.unreadable`, `.malformed`, `TensorError`.
  package init(contentsOf path: String) throws {
    let url = URL(fileURLWithPath: path)
    let bytes: Data
    do { bytes = try Data(contentsOf: url) } catch {
      throw ONNXError.unreadable(file: path, reason: error.localizedDescription)
    }
    let proto: Onnx_TensorProto
    do { proto = try Onnx_TensorProto(serializedBytes: bytes) } catch {
      throw ONNXError.malformed(file: path, reason: "no readable protocol buffer (\(error))")
    }
    name = proto.name
    tensor = try TensorReader(file: path, folder: url.deletingLastPathComponent()).tensor(proto)
  }
}
