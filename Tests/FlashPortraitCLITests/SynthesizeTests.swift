import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite struct SynthesizeTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func makesAFolderThatOtherCommandsRead() async throws {
    let output = folder.file("made")
    let run = await CommandRun.inProcess("synthesize", "--geometry", "tiny", "--out", output, "-q")
    #expect(run.status == 0 && run.output == output + "\n" && run.messages.isEmpty)
    let inspected = await CommandRun.inProcess("inspect", output)
    #expect(inspected.status == 0)
    for part in [
      "FlashPortrait transformer (layers 3, expression_dim 80)",
      "Wan transformer (layers 3, dim 96",
      "UMT5 text encoder (layers 2", "CLIP image encoder (layers 3", "Wan VAE (dim 8",
      "tiny VAE (decoder_width 32",
      "PD-FGC motion encoder", "portrait encoder (layers 2",
      "FlashPortrait/face_det.onnx: face detector",
      "FlashPortrait/face_landmark.onnx: face landmarks",
    ] {
      #expect(inspected.output.contains(part), "\(part)")
    }
    let doctor = await CommandRun.inProcess("doctor", "--checkpoints", output)
    #expect(doctor.status == 0)
    #expect(doctor.output.contains("transformer, needed; 119 tensors from the base"))
    #expect(doctor.output.contains("Checkpoints in \(output): complete\n"))
    #expect(!doctor.output.contains("faulty"))
  }

  @Test func theFaceNetworksAlone() async throws {
    let output = folder.file("made")
    let run = await CommandRun.inProcess(
      "synthesize", "--geometry", "tiny", "--out", output, "--networks", "face-landmarks",
      "face-detector", "-q")
    #expect(run.status == 0, "\(run.messages)")
    let names = try FileManager.default.contentsOfDirectory(atPath: output + "/FlashPortrait")
    #expect(names.sorted() == ["face_det.onnx", "face_landmark.onnx", "geometry.json"])
    let described = await CommandRun.inProcess(
      "run-onnx", output + "/FlashPortrait/face_landmark.onnx")
    #expect(described.status == 0)
    #expect(described.output.contains("landmarks"), "\(described.output)")
    let readme = try String(contentsOfFile: output + "/README.md", encoding: .utf8)
    #expect(readme.contains("Nothing in this folder is trained."))
    #expect(readme.contains("the same whatever they see"))
  }

  @Test func secondRunsAndOtherContents() async throws {
    let output = folder.file("made")
    func run(_ more: String...) async -> CommandRun {
      await CommandRun.inProcess(
        arguments: ["synthesize", "--geometry", "tiny", "--out", output] + more)
    }
    #expect(await run("--networks", "vae").status == 0)
    let again = await run("-v")
    #expect(again.status == 0)
    #expect(again.messages.contains("\(output)/Wan2.1-I2V-14B-720P/Wan2.1_VAE.pth: there already"))
    let other = await CommandRun.inProcess("synthesize", "--geometry", "1.3b", "--out", output)
    #expect(other.status == 73)
    #expect(
      other.messages
        == "error: \(output)/FlashPortrait/geometry.json: already exists with other content; "
        + "give --overwrite to replace it, or choose another folder\n")
    #expect(await run("--overwrite").status == 0)
  }

  @Test func wrongUsage() async throws {
    let unknown = await CommandRun.inProcess("synthesize", "--geometry", "15b", "--out", "x")
    #expect(unknown.status == 64)
    #expect(
      unknown.messages.hasPrefix(
        "error: The value '15b' is invalid for '--geometry <name|file.json>'"))
    #expect(
      await CommandRun.inProcess("synthesize", "--geometry", "tiny", "--out", "").status == 64)
    #expect(await CommandRun.inProcess("synthesize", "--geometry", "tiny").status == 64)
    #expect(await CommandRun.inProcess("synthesize", "--out", "x").status == 64)
    let network = await CommandRun.inProcess(
      "synthesize", "--geometry", "tiny", "--out", "x", "--networks", "dit")
    #expect(network.status == 64)
  }

  @Test(arguments: [
    ("{", 65, "expected JSON"), (#"{"transformer": {"layers": 2}}"#, 65, "no network has"),
    (#"{"transformer": {"dim": "x"}}"#, 65, "expected a number"),
    (#"{"transformer": {"num_heads": 3}}"#, 65, "num_heads"),
    (#"{"text_encoder": {"dim": 64}}"#, 65, "do not fit together"),
  ])
  func geometryFiles(text: String, status: Int32, message: String) async throws {
    let path = try folder.write(Array(text.utf8), to: "g.json")
    let run = await CommandRun.inProcess(
      "synthesize", "--geometry", path, "--out", folder.file("made"))
    #expect(run.status == status)
    #expect(run.messages.contains(message), "\(run.messages)")
    #expect(run.messages.filter { $0 == "\n" }.count == 1, "one line: \(run.messages)")
    let missing = await CommandRun.inProcess(
      "synthesize", "--geometry", folder.file("none.json"), "--out", folder.file("made"))
    #expect(missing.status == 66)
    #expect(!FileManager.default.fileExists(atPath: folder.file("made")))
  }

  @Test func noRoom() async throws {
    // A transformer of two terabytes.
    let path = try folder.write(
      Array(
        #"{"transformer": {"dim": 16384, "ffn_dim": 65536, "num_heads": 64, "num_layers": 200}}"#
          .utf8), to: "g.json")
    let run = await CommandRun.inProcess(
      "synthesize", "--geometry", path, "--out", folder.file("made"), "--networks", "transformer")
    #expect(run.status == 74, "a disk of terabytes? \(run.messages)")
    #expect(run.messages.hasPrefix("error: \(folder.file("made")): needs "), "\(run.messages)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("made")))
  }

  // MARK: Ended from outside

  /// A run that is in the middle of a shard.
  private func startSynthesis() throws -> CommandRun.Child {
    let path = try folder.write(
      Array(#"{"transformer": {"num_layers": 12}}"#.utf8), to: "g.json")
    let child = try CommandRun.launch(
      CommandRun.program,
      ["synthesize", "--geometry", path, "--out", folder.file("made"), "--networks", "transformer"])
    for _ in 0..<4000 where try partialFiles().isEmpty { usleep(2_000) }
    try #require(try !partialFiles().isEmpty, "no file was begun")
    return child
  }

  private func partialFiles() throws -> [String] {
    let base = folder.file("made/Wan2.1-I2V-14B-720P")
    guard FileManager.default.fileExists(atPath: base) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: base).filter {
      $0.hasSuffix(".partial")
    }
  }

  /// Every file that has its name can be opened.
  private func checkWholeness() throws {
    let path = folder.file("made")
    for name in try FileManager.default.subpathsOfDirectory(atPath: path)
    where name.hasSuffix(".pt") || name.hasSuffix(".safetensors") {
      #expect(throws: Never.self, "\(name)") { try Checkpoint.open("\(path)/\(name)") }
    }
  }

  @Test func killedInTheMiddle() throws {
    let child = try startSynthesis()
    kill(child.process.processIdentifier, SIGKILL)
    #expect(try child.wait().status == -SIGKILL)
    #expect(try partialFiles().count == 1)
    try checkWholeness()
    let index = "made/Wan2.1-I2V-14B-720P/diffusion_pytorch_model.safetensors.index.json"
    #expect(!FileManager.default.fileExists(atPath: folder.file(index)))
    // The next run removes what the killed one began; this one is small.
    let next = try CommandRun.program([
      "synthesize", "--geometry", "tiny", "--out", folder.file("made"), "--overwrite",
    ])
    #expect(next.status == 0, "\(next.messages)")
    #expect(try partialFiles().isEmpty)
    try checkWholeness()
  }

  @Test func interrupted() throws {
    let child = try startSynthesis()
    kill(child.process.processIdentifier, SIGINT)
    let run = try child.wait()
    #expect(run.status == 130, "\(run.messages)")
    #expect(run.messages.contains("error: interrupted by signal 2"), "\(run.messages)")
    #expect(try partialFiles().isEmpty)
    try checkWholeness()
  }
}
