import Foundation
import ONNX

/// What an ONNX file takes and gives, for `inspect` and `run-onnx`.
struct GraphReport: Encodable {
  let path: String
  let bytes: Int
  /// As the graph names them: name, element type, shape.
  let inputs: [String]
  let outputs: [String]

  /// Whether a file is taken for an ONNX file, by its name.
  static func isGraph(_ path: String) -> Bool {
    URL(fileURLWithPath: path).pathExtension.lowercased() == "onnx"
  }

  /// Reads the whole file and checks that every operator can be run.
  ///
  /// - Throws: `ONNXError`.
  init(_ path: String) throws {
    let network = try ONNXNetwork(contentsOf: path)
    self.path = path
    bytes = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
    inputs = network.inputs.map(\.description)
    outputs = network.outputs.map(\.description)
  }

  /// Inputs and outputs, a line for each.
  var values: [String] {
    inputs.map { "input  \(printable($0))" } + outputs.map { "output \(printable($0))" }
  }

  /// The report for people.
  var lines: [String] {
    ["\(printable(path)): ONNX, \(formatBytes(bytes))"] + values.map { "  \($0)" }
  }
}
