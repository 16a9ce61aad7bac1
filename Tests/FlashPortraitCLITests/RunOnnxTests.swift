import Checkpoints
import FlashPortraitCLI
import Foundation
import TensorCore
import TestSupport
import Testing

/// `run-onnx` on a network of the ONNX tests.
@Suite struct RunOnnxTests {
  private static let model = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent()
    .appendingPathComponent("ONNXTests/Fixtures/networks/vit-script-9.onnx").path

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A file with one tensor.
  private func inputs(_ name: String = "input", _ shape: Shape = [2, 3, 32, 32]) throws -> String {
    let path = folder.file("in.safetensors")
    try SafetensorsWriter.write([(name: name, tensor: Tensor(zeros: shape, dtype: .f32))], to: path)
    return path
  }

  @Test func withoutInputsItDescribes() async throws {
    let run = await CommandRun.inProcess("run-onnx", Self.model)
    #expect(run.status == 0)
    #expect(run.output.hasPrefix("input  input: F32 ["))
  }

  @Test func inspectTellsWhatAGraphTakesAndGives() async throws {
    let described = await CommandRun.inProcess("run-onnx", Self.model)
    let run = await CommandRun.inProcess("inspect", Self.model)
    #expect(run.status == 0 && run.output.hasPrefix("\(Self.model): ONNX, "))
    let lines = run.output.split(separator: "\n").dropFirst().map { $0.dropFirst(2) }
    #expect(lines == described.output.split(separator: "\n"))
    let json = await CommandRun.inProcess("inspect", "--json", Self.model)
    #expect(json.output.contains("\"inputs\""))
    let broken = try folder.write([8, 1, 2], to: "broken.onnx")
    let refused = await CommandRun.inProcess("inspect", broken)
    #expect(refused.status == FlashPortraitCLI.ExitStatus.badData.rawValue)
    #expect(refused.messages.split(separator: "\n").count == 1)
  }

  @Test func outputsAreWritten() async throws {
    let output = folder.file("out.safetensors")
    let run = await CommandRun.inProcess(
      "run-onnx", Self.model, "--inputs", try inputs(), "--outputs", output)
    #expect(run.status == 0)
    let file = try SafetensorsFile(path: output)
    #expect(file.entries.count == run.output.split(separator: "\n").count)
  }

  /// Nothing runs where the outputs cannot go, and no input is written over.
  @Test func outputsThatCannotBeAreRefused() async throws {
    let inputs = try inputs()
    let before = try Data(contentsOf: URL(fileURLWithPath: inputs))
    for output in [inputs, folder.path, folder.file("none/out.safetensors")] {
      let run = await CommandRun.inProcess(
        "run-onnx", Self.model, "--inputs", inputs, "--outputs", output)
      #expect(run.status != 0)
      #expect(run.output.isEmpty)
      #expect(run.messages.split(separator: "\n").count == 1)
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: inputs)) == before)
  }

  @Test func wrongInputsAreBadData() async throws {
    for (name, shape) in [("other", [2, 3, 32, 32]), ("input", [2, 3, 32])] {
      let run = await CommandRun.inProcess(
        "run-onnx", Self.model, "--inputs", try inputs(name, Shape(shape)))
      #expect(run.status == FlashPortraitCLI.ExitStatus.badData.rawValue)
      #expect(run.messages.hasPrefix("error: \(Self.model): input '"))
    }
  }
}
