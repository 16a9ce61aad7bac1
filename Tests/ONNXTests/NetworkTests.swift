import Checkpoints
import Foundation
import ONNX
import TensorCore
import TestSupport
import Testing

/// Networks that torch.onnx exported (scripts/reference/make_onnx_fixtures.py), with the outputs of
/// onnxruntime.
@Suite struct NetworkTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/networks")

  static let names = [
    "detector-script-11", "detector-export-18", "landmarks-script-13", "landmarks-export-21",
    "vit-script-9", "vit-export-20", "unet-script-17", "unet-export-18", "wave-script-12",
  ]

  static func path(_ name: String) -> String {
    folder.appendingPathComponent("\(name).onnx").path
  }

  /// Inputs and expected outputs by name.
  static func tensors(_ name: String) throws -> (
    inputs: [String: Tensor], outputs: [String: Tensor]
  ) {
    let file = try SafetensorsFile(path: folder.appendingPathComponent("\(name).safetensors").path)
    func named(_ prefix: String) throws -> [String: Tensor] {
      try Dictionary(
        uniqueKeysWithValues: file.entries.filter { $0.name.hasPrefix(prefix) }.map {
          (String($0.name.dropFirst(prefix.count)), try file.tensor($0.name))
        })
    }
    return (try named("input."), try named("output."))
  }

  @Test(arguments: names) func agreesWithOnnxruntime(_ name: String) throws {
    let network = try ONNXNetwork(contentsOf: Self.path(name))
    let (inputs, wanted) = try Self.tensors(name)
    let results = try network.run(inputs)
    #expect(Set(results.keys) == Set(wanted.keys))
    for (output, expected) in wanted {
      let result = try #require(results[output])
      #expect(result.shape == expected.shape, "\(output)")
      let (values, goal) = (try result.floats(), try expected.floats())
      let scale = max(goal.map(abs).max() ?? 0, .leastNormalMagnitude)
      let worst = zip(values, goal).map { abs($0 - $1) }.max() ?? 0
      #expect(worst <= 1e-5 * scale, "\(output): \(worst / scale)")
    }
  }

  /// The same bytes for any number of threads, and from several threads at once.
  @Test(arguments: ["detector-script-11", "vit-export-20"]) func isReproducible(_ name: String)
    async throws
  {
    let (inputs, _) = try Self.tensors(name)
    let one = try ONNXNetwork(
      contentsOf: Self.path(name),
      context: ComputeContext(instructionSet: .best, threadCount: 1))
    let four = try ONNXNetwork(
      contentsOf: Self.path(name),
      context: ComputeContext(instructionSet: .best, threadCount: 4))
    let expected = try one.run(inputs).mapValues { try $0.bytes() }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<3 {
        group.addTask {
          let found = try four.run(inputs).mapValues { try $0.bytes() }
          return found.allSatisfy { expected[$0.key]?.elementsEqual($0.value) ?? false }
        }
      }
      for try await isSame in group { #expect(isSame) }
    }
  }

  @Test func describesItself() throws {
    let network = try ONNXNetwork(contentsOf: Self.path("detector-script-11"))
    #expect(network.inputs.map(\.description) == ["input: F32 [batch, 3, rows, columns]"])
    #expect(network.outputs.count == 6)
  }

  @Test func refusesOtherInputs() throws {
    let network = try ONNXNetwork(contentsOf: Self.path("vit-script-9"))
    let right = try Tensor(zeros: [2, 3, 32, 32], dtype: .f32)
    #expect(throws: ONNXError.self) { try network.run([:]) }
    #expect(throws: ONNXError.self) { try network.run(["input": right, "other": right]) }
    #expect(throws: ONNXError.self) {
      try network.run(["input": Tensor(zeros: [2, 3, 32, 32], dtype: .f64)])
    }
    #expect(throws: ONNXError.self) {
      try network.run(["input": Tensor(zeros: [2, 3, 32, 31], dtype: .f32)])
    }
    _ = try network.run(["input": right])
  }
}
