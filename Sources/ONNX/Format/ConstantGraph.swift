import Foundation
import SwiftProtobuf

/// A network that gives the same answers whatever it is shown, as an ONNX file.
package struct ConstantGraph: Sendable {
  /// An answer, float32.
  package struct Output: Sendable {
    package let name: String
    package let shape: [Int]
    package let values: [Float]

    /// - Parameter values: as many as the shape has elements.
    package init(name: String, shape: [Int], values: [Float]) {
      precondition(values.count == shape.reduce(1, *), "as many values as elements")
      self.name = name
      self.shape = shape
      self.values = values
    }
  }

  private let name: String
  private let input: (name: String, shape: [Int])
  private let outputs: [Output]

  /// - Parameters:
  ///   - name: of the graph.
  ///   - input: float32, of a shape without open sizes.
  package init(name: String, input: (name: String, shape: [Int]), outputs: [Output]) {
    self.name = name
    self.input = input
    self.outputs = outputs
  }

  /// The file: format version 8, operator set 13. Equal graphs give equal bytes.
  ///
  /// - Throws: nothing that can happen with tensors under 2 GiB; SwiftProtobuf's errors otherwise.
  package func encoded() throws -> Data {
    let model = Onnx_ModelProto.with { model in
      model.irVersion = 8
      model.producerName = "flashportrait"
      model.opsetImport = [.with { $0.version = 13 }]
      model.graph = graph
    }
    return try model.serializedData()
  }

  /// The input reaches every output, as nothing: programs that tidy graphs up drop inputs that do not.
  private var graph: Onnx_GraphProto {
    .with { graph in
      graph.name = name
      graph.input = [Self.value(input.name, input.shape)]
      graph.output = outputs.map { Self.value($0.name, $0.shape) }
      graph.initializer = [Self.tensor("zero", [], [0])]
      graph.node = [
        .with {
          $0.opType = "ReduceMax"
          $0.input = [input.name]
          $0.output = ["brightest"]
          $0.attribute = [
            .with {
              $0.name = "keepdims"
              $0.type = .int
              $0.i = 0
            }
          ]
        },
        Self.node("Clip", ["brightest", "zero", "zero"], "nothing"),
      ]
      for output in outputs {
        let constant = "\(output.name)_constant"
        graph.initializer.append(Self.tensor(constant, output.shape, output.values))
        graph.node.append(Self.node("Add", [constant, "nothing"], output.name))
      }
    }
  }

  private static func node(
    _ type: String, _ inputs: [String], _ output: String
  ) -> Onnx_NodeProto {
    .with {
      $0.opType = type
      $0.input = inputs
      $0.output = [output]
    }
  }

  /// ONNX's number of float32.
  private static let float32: Int32 = 1

  private static func value(_ name: String, _ shape: [Int]) -> Onnx_ValueInfoProto {
    .with { value in
      value.name = name
      value.type.tensorType.elemType = float32
      value.type.tensorType.shape.dim = shape.map { size in .with { $0.dimValue = Int64(size) } }
    }
  }

  private static func tensor(
    _ name: String, _ shape: [Int], _ values: [Float]
  ) -> Onnx_TensorProto {
    .with { tensor in
      tensor.name = name
      tensor.dataType = float32
      tensor.dims = shape.map(Int64.init)
      tensor.rawData = values.reduce(into: Data(capacity: 4 * values.count)) { data, value in
        withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
      }
    }
  }
}
