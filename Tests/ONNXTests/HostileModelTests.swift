import Foundation
import ONNX
import SwiftProtobuf
import TensorCore
import TestSupport
import Testing

/// Files that are damaged, or that ask for what no machine has.
@Suite struct HostileModelTests {
  /// A model of one output.
  private static func model(
    _ nodes: [Onnx_NodeProto], initializers: [Onnx_TensorProto] = [], output: String = "y",
    opset: Int64 = 13
  ) -> Onnx_ModelProto {
    var model = Onnx_ModelProto()
    model.irVersion = 8
    model.opsetImport = [.with { $0.version = opset }]
    model.graph = .with {
      $0.node = nodes
      $0.initializer = initializers
      $0.output = [.with { $0.name = output }]
    }
    return model
  }

  private static func node(
    _ name: String, _ inputs: [String], _ outputs: [String], domain: String = ""
  ) -> Onnx_NodeProto {
    .with {
      $0.opType = name
      $0.input = inputs
      $0.output = outputs
      $0.domain = domain
    }
  }

  private static func sizes(_ name: String, _ values: [Int64]) -> Onnx_TensorProto {
    .with {
      $0.name = name
      $0.dataType = 7
      $0.dims = [Int64(values.count)]
      $0.int64Data = values
    }
  }

  /// Loads and runs; inputs are zeros of small size.
  private static func attempt(_ bytes: Data, byteLimit: Int = 64 << 20) throws {
    let network = try ONNXNetwork(
      bytes, name: "model.onnx", folder: FileManager.default.temporaryDirectory,
      byteLimit: byteLimit)
    var values: [String: Tensor] = [:]
    for input in network.inputs {
      let axes = (input.dimensions ?? []).map { dimension in
        if case .fixed(let size) = dimension { min(size, 64) } else { 32 }
      }
      guard axes.count <= 6, axes.reduce(1, *) < 1 << 20 else { continue }
      values[input.name] = try Tensor(zeros: Shape(axes), dtype: input.dtype ?? .f32)
    }
    _ = try network.run(values)
  }

  private static func message(_ model: Onnx_ModelProto) throws -> String {
    do {
      try attempt(model.serializedBytes())
      return "it ran"
    } catch let error as ONNXError { return error.description }
  }

  @Test func refusesHugeResults() throws {
    let huge = Self.sizes("n", [1 << 20, 1 << 20])
    let one = Self.sizes("one", [1])
    let cases = [
      Self.model([Self.node("ConstantOfShape", ["n"], ["y"])], initializers: [huge]),
      Self.model([Self.node("Expand", ["one", "n"], ["y"])], initializers: [huge, one]),
      Self.model(
        [Self.node("Tile", ["one", "n"], ["y"])], initializers: [Self.sizes("n", [1 << 40]), one]),
      Self.model(
        [Self.node("Pad", ["one", "n"], ["y"])],
        initializers: [Self.sizes("n", [1 << 40, 0]), one]),
      Self.model(
        [Self.node("Range", ["a", "b", "c"], ["y"])],
        initializers: [("a", 0), ("b", 1 << 60), ("c", 1)].map { name, value in
          .with {
            $0.name = name
            $0.dataType = 7
            $0.int64Data = [Int64(value)]
          }
        }),
    ]
    for model in cases {
      let text = try Self.message(model)
      #expect(text.contains("model.onnx: ") && text != "it ran", "\(text)")
    }
  }

  @Test func namesUnknownOperators() throws {
    let model = Self.model([
      Self.node("Rumble", ["x"], ["z"]), Self.node("Fuse", ["z"], ["y"], domain: "com.example"),
    ])
    #expect(
      try Self.message(model)
        == "model.onnx: operators that are not supported: Rumble (opset 13), "
        + "com.example.Fuse (opset 0)")
  }

  @Test func namesBrokenGraphs() throws {
    let one = Self.sizes("one", [1])
    let cases: [(Onnx_ModelProto, String)] = [
      (Self.model([Self.node("Neg", ["x"], ["y"])]), "reads 'x'"),
      (Self.model([], initializers: [one]), "output 'y' is made by no node"),
      (
        Self.model(
          [Self.node("Neg", ["one"], ["y"]), Self.node("Neg", ["one"], ["y"])], initializers: [one]),
        "the value 'y' is made twice"
      ),
      (
        Self.model([Self.node("Neg", ["z"], ["y"]), Self.node("Neg", ["y"], ["z"])]),
        "which no node before it makes"
      ),
      (Self.model([Self.node("Concat", ["one"], ["y"])], initializers: [one]), "axis"),
      (Onnx_ModelProto(), "format version 0"),
    ]
    for (model, part) in cases {
      let text = try Self.message(model)
      #expect(text.contains(part), "\(text)")
    }
  }

  @Test(arguments: ["../secret", "/etc/passwd", "a/../../b", ""]) func staysInItsFolder(
    location: String
  ) throws {
    let tensor = Onnx_TensorProto.with {
      $0.name = "w"
      $0.dataType = 1
      $0.dims = [1]
      $0.dataLocation = .external
      $0.externalData = [
        .with {
          $0.key = "location"
          $0.value = location
        }
      ]
    }
    let text = try Self.message(
      Self.model([Self.node("Neg", ["w"], ["y"])], initializers: [tensor]))
    #expect(text.contains("outside the model's folder"), "\(text)")
  }

  /// Functions that double their calls at every level.
  @Test func refusesFunctionBombs() throws {
    var model = Self.model([Self.node("f0", [], ["y"], domain: "own")])
    model.functions = (0..<60).map { level in
      .with {
        $0.name = "f\(level)"
        $0.domain = "own"
        $0.output = ["b"]
        $0.node = ["a", "b"].map { Self.node("f\(level + 1)", [], [$0], domain: "own") }
      }
    }
    #expect(try Self.message(model).contains("call each other without end"))
  }

  /// Each is refused with one error or runs; `FLASHPORTRAIT_DAMAGED` asks for more of each.
  @Test(arguments: NetworkTests.names) func survivesDamage(_ name: String) throws {
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: NetworkTests.path(name))))
    for seed in 0..<UInt64(Damage.count(usual: 80)) {
      let damaged = Data(Damage.damaged(bytes, seed: seed))
      do { try Self.attempt(damaged) } catch let error as ONNXError {
        #expect(!error.description.isEmpty && !error.description.contains("\n"), "seed \(seed)")
      } catch let error as TensorError {
        Issue.record("seed \(seed): \(error) names no file")
      }
    }
  }
}
