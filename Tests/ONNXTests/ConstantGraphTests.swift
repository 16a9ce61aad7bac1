import Foundation
import ONNX
import TensorCore
import TestSupport
import Testing

@Suite struct ConstantGraphTests {
  private let graph = ConstantGraph(
    name: "answers", input: ("picture", [1, 3, 4, 5]),
    outputs: [
      .init(name: "table", shape: [2, 3], values: [1, -2, 3.5, 0, 1e-30, 1e30]),
      .init(name: "sure", shape: [1], values: [0.25]),
    ])

  private func network() throws -> ONNXNetwork {
    try ONNXNetwork(
      graph.encoded(), name: "answers", folder: FileManager.default.temporaryDirectory)
  }

  /// Whatever the input holds, the answers are the values, bit by bit.
  @Test(arguments: [Float(0), -7, 255, .greatestFiniteMagnitude])
  func answersDoNotDependOnTheInput(level: Float) throws {
    let network = try network()
    let picture = try Tensor([Float](repeating: level, count: 60), shape: [1, 3, 4, 5])
    let answers = try network.run(["picture": picture])
    #expect(Set(answers.keys) == ["table", "sure"])
    let table = try #require(answers["table"])
    #expect(table.shape == [2, 3])
    #expect(try table.floats() == [1, -2, 3.5, 0, 1e-30, 1e30])
    #expect(try #require(answers["sure"]).floats() == [0.25])
  }

  @Test func tellsItsInputAndOutputs() throws {
    let network = try network()
    #expect(network.inputs.map(\.description) == ["picture: F32 [1, 3, 4, 5]"])
    #expect(
      Set(network.outputs.map(\.description)) == ["table: F32 [2, 3]", "sure: F32 [1]"])
    #expect(throws: ONNXError.self) {
      try network.run(["picture": Tensor(zeros: [1, 3, 4, 4], dtype: .f32)])
    }
  }

  @Test func equalGraphsGiveEqualBytes() throws {
    #expect(try graph.encoded() == graph.encoded())
  }
}
