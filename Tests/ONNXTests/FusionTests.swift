import Foundation
import ONNX
import TensorCore
import Testing

/// What is joined to a convolution computes what the nodes compute one after another.
@Suite struct FusionTests {
  /// The output of nodes after a 1x1 convolution of weight -1, which makes "c" of "x".
  private func output(
    of x: [Float], _ nodes: [Onnx_NodeProto], opset: Int64 = 13
  ) throws -> [Float] {
    var model = Onnx_ModelProto()
    model.irVersion = 8
    model.opsetImport = [.with { $0.version = opset }]
    model.graph = .with {
      $0.input = [.with { $0.name = "x" }]
      $0.initializer = [
        .with {
          $0.name = "w"
          $0.dataType = 1
          $0.dims = [1, 1, 1, 1]
          $0.floatData = [-1]
        },
        .with {
          $0.name = "one"
          $0.dataType = 1
          $0.dims = [1]
          $0.floatData = [1]
        },
      ]
      $0.node = [Self.node("Conv", ["x", "w"], "c")] + nodes
      $0.output = [.with { $0.name = "y" }]
    }
    let network = try ONNXNetwork(
      model.serializedBytes(), name: "model.onnx",
      folder: FileManager.default.temporaryDirectory, byteLimit: 1 << 20)
    let results = try network.run(["x": Tensor(x, shape: [1, 1, 1, x.count])])
    return try #require(results["y"]).floats()
  }

  private static func node(
    _ name: String, _ inputs: [String], _ output: String, alpha: Float? = nil,
    isTraining: Bool = false
  ) -> Onnx_NodeProto {
    .with {
      $0.opType = name
      $0.input = inputs
      $0.output = [output]
      if isTraining {
        $0.attribute = [
          .with {
            $0.name = "training_mode"
            $0.type = .int
            $0.i = 1
          }
        ]
      }
      if let alpha {
        $0.attribute = [
          .with {
            $0.name = "alpha"
            $0.type = .float
            $0.f = alpha
          }
        ]
      }
    }
  }

  @Test func slopesAreTheNodes() throws {
    let steep = try output(of: [2, -3], [Self.node("LeakyRelu", ["c"], "y", alpha: 0.5)])
    #expect(steep == [-1, 3])
    let usual = try output(of: [2, -3], [Self.node("LeakyRelu", ["c"], "y")])
    #expect(abs(usual[0] + 0.02) < 1e-7 && usual[1] == 3)
  }

  /// Statistics of the batch are not those of the file.
  @Test func trainingIsNotJoined() throws {
    let inputs = ["c"] + Array(repeating: "one", count: 4)
    for isTraining in [false, true] {
      let norm = Self.node("BatchNormalization", inputs, "y", isTraining: isTraining)
      if isTraining {
        #expect(throws: ONNXError.self) { try output(of: [2, -3], [norm], opset: 15) }
      } else {
        let values = try output(of: [2, -3], [norm], opset: 15)
        #expect(zip(values, [-2, 3]).allSatisfy { abs($0 - $1) < 1e-4 })
      }
    }
  }

  @Test func aSumWithItselfIsTwice() throws {
    #expect(try output(of: [2, -3], [Self.node("Add", ["c", "c"], "y")]) == [-4, 6])
  }

  @Test func aValueWithOtherReadersStays() throws {
    let nodes = [Self.node("Relu", ["c"], "r"), Self.node("Sub", ["r", "c"], "y")]
    #expect(try output(of: [2, -3], nodes) == [2, 0])
  }

  @Test func anotherBranchIsAddedAfterTheActivation() throws {
    let nodes = [
      Self.node("Relu", ["c"], "r"), Self.node("Add", ["r", "x"], "s"),
      Self.node("Relu", ["s"], "y"),
    ]
    #expect(try output(of: [2, -3, 5], nodes) == [2, 0, 5])
  }
}
