import Foundation
import ONNX
import TensorCore

package final class ONNXNetwork: Sendable {
  package let file: String = ""
  package let inputs: [ValueDescription] = []
  package let outputs: [ValueDescription] = []
  package init(contentsOf path: String, context: ComputeContext = .shared, byteLimit: Int? = nil)
    throws
  {}
  package func run(_ values: [String: Tensor]) throws -> [String: Tensor] { [:] }
}
