import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct ConvertTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func keepsBytesAndSaysWhatItWrote() async throws {
    let input = try folder.checkpoint("in.safetensors", [("x.a", [3, 5]), ("x.b", [7])])
    let output = folder.file("out.safetensors")
    let run = await CommandRun.inProcess("convert", input, "-o", output, "-q")
    #expect(run.status == 0 && run.output == output + "\n" && run.messages.isEmpty)
    let (before, after) = (try Checkpoint.open(input), try Checkpoint.open(output))
    #expect(before.entries == after.entries)
    for entry in before.entries {
      #expect(try before.tensor(entry.name).bytes() == after.tensor(entry.name).bytes())
    }
    #expect(after.metadata["format"] == "pt")
  }

  @Test func roundsToAnotherType() async throws {
    let input = try folder.checkpoint("in.safetensors", [("a", [70_001])])
    let output = folder.file("out.safetensors")
    #expect(
      await CommandRun.inProcess("convert", input, "-o", output, "--dtype", "bf16").status == 0)
    let (before, after) = (try Checkpoint.open(input), try Checkpoint.open(output))
    #expect(after.entries.map(\.dtype) == [.bf16])
    #expect(
      try after.tensor("a").bytes() == before.tensor("a").converted(to: .bf16).bytes())
  }

  @Test func refusesToOverwrite() async throws {
    let input = try folder.checkpoint("in.safetensors", [("a", [4])])
    let output = try folder.write([1, 2, 3], to: "out.safetensors")
    let refused = await CommandRun.inProcess("convert", input, "-o", output)
    #expect(refused.status == 73)
    #expect(
      refused.messages
        == "error: \(output): already exists; give --overwrite to replace it, or choose another name\n"
    )
    #expect(try Data(contentsOf: URL(fileURLWithPath: output)) == Data([1, 2, 3]))
    #expect(await CommandRun.inProcess("convert", input, "-o", output, "--overwrite").status == 0)
    #expect(try Checkpoint.open(output).entries.count == 1)
    #expect(await CommandRun.inProcess("convert", input, "-o", input, "--overwrite").status == 64)
  }

  @Test func outputsThatCannotBe() async throws {
    let input = try folder.checkpoint("in.safetensors", [("a", [4])])
    let nowhere = await CommandRun.inProcess(
      "convert", input, "-o", folder.file("no/such/out.safetensors"))
    #expect(nowhere.status == 73, "\(nowhere.messages)")
    let below = await CommandRun.inProcess("convert", input, "-o", input + "/out.safetensors")
    #expect(below.status == 73, "\(below.messages)")
    let huge = try folder.sparseCheckpoint("huge.safetensors", tensorCount: 8, bytesEach: 1 << 40)
    let full = await CommandRun.inProcess("convert", huge, "-o", folder.file("out.safetensors"))
    #expect(full.status == 74, "\(full.messages)")
    #expect(try folder.names() == ["huge.safetensors", "in.safetensors"])
  }

  @Test func splitsATrainedFile() async throws {
    let input = try folder.checkpoint(
      "in.safetensors",
      [("transformer3d.a", [2]), ("portrait_encoder.b", [3]), ("portrait_encoder.c", [4])])
    let output = folder.file("parts")
    let run = await CommandRun.inProcess("convert", input, "-o", output, "--split")
    #expect(run.status == 0, "\(run.messages)")
    #expect(
      run.output == "\(output)/transformer.safetensors\n\(output)/portrait_encoder.safetensors\n")
    let transformer = try Checkpoint.open("\(output)/transformer.safetensors")
    let encoder = try Checkpoint.open("\(output)/portrait_encoder.safetensors")
    #expect(transformer.entries.map(\.name) == ["a"])
    #expect(Set(encoder.entries.map(\.name)) == ["b", "c"])
    let plain = try folder.checkpoint("plain.safetensors", [("a", [2])])
    #expect(await CommandRun.inProcess("convert", plain, "-o", output, "--split").status == 65)
  }

  @Test func cutsIntoShards() async throws {
    let input = try folder.checkpoint(
      "in.safetensors", (0..<5).map { ("t\($0)", [100] as Shape) })
    let output = folder.file("out.safetensors")
    let run = await CommandRun.inProcess(
      "convert", input, "-o", output, "--shard-size", "1kB")
    #expect(run.output == folder.file("out.safetensors.index.json") + "\n")
    let whole = try Checkpoint.open(folder.file("out.safetensors.index.json"))
    #expect(Set(whole.entries.map(\.name)) == ["t0", "t1", "t2", "t3", "t4"])
    #expect((whole as? ShardedCheckpoint)?.shardPaths.count == 3)
    #expect(try whole.tensor("t3").floats() == (0..<100).map { Float($0) / 2 })
  }

  @Test func stripsAPrefix() async throws {
    let input = try folder.checkpoint("in.safetensors", [("model.a", [2]), ("b", [2])])
    let output = folder.file("out.safetensors")
    #expect(
      await CommandRun.inProcess("convert", input, "-o", output, "--prefix-strip", "model.")
        .status == 0)
    #expect(Set(try Checkpoint.open(output).entries.map(\.name)) == ["a", "b"])
    let absent = await CommandRun.inProcess(
      "convert", input, "-o", folder.file("x.safetensors"), "--prefix-strip", "module.")
    #expect(absent.status == 65)
    let twice = try folder.checkpoint("twice.safetensors", [("model.a", [2]), ("a", [2])])
    let clash = await CommandRun.inProcess(
      "convert", twice, "-o", folder.file("x.safetensors"), "--prefix-strip", "model.")
    #expect(clash.status == 65)
  }

  @Test func quantisesRowByRow() async throws {
    let input = try folder.checkpoint(
      "in.safetensors", [("blocks.0.q.weight", [16, 32]), ("head.weight", [16, 32])])
    let output = folder.file("out.safetensors")
    #expect(
      await CommandRun.inProcess("convert", input, "-o", output, "--quantise", "int8").status == 0)
    let file = try Checkpoint.open(output)
    let types = Dictionary(uniqueKeysWithValues: file.entries.map { ($0.name, $0.dtype) })
    #expect(
      types == [
        "blocks.0.q.weight": .i8, "blocks.0.q.weight.scale": .f32, "head.weight": .f32,
      ])
    let values = try Checkpoint.open(input).tensor("blocks.0.q.weight").floats()
    let bytes = try file.tensor("blocks.0.q.weight").bytes().map { Int8(bitPattern: $0) }
    let scales = try file.tensor("blocks.0.q.weight.scale").floats()
    for (index, value) in values.enumerated() {
      let scale = scales[index / 32]
      // Half a step and the rounding of the quotient.
      #expect(abs(Float(bytes[index]) * scale - value) <= scale * 0.5001)
    }
    #expect(bytes.max() == 127)
  }

  @Test func mergesAnAdapter() async throws {
    let input = try folder.checkpoint(
      "in.safetensors", [("blocks.0.q.weight", [2, 3]), ("blocks.0.q.bias", [2])])
    let adapter = try folder.checkpoint(
      "lora.safetensors",
      [
        ("diffusion_model.blocks.0.q.lora_A.weight", [1, 3]),
        ("diffusion_model.blocks.0.q.lora_B.weight", [2, 1]),
      ])
    let output = folder.file("out.safetensors")
    let run = await CommandRun.inProcess("convert", input, "-o", output, "--lora", adapter + ":4")
    #expect(run.status == 0, "\(run.messages)")
    #expect(run.messages.hasPrefix("\(adapter): changes 1 tensor\n"))
    let merged = try Checkpoint.open(output)
    // weight + 4 * [0, 0.5]^T [0, 0.5, 1]
    #expect(try merged.tensor("blocks.0.q.weight").floats() == [0, 0.5, 1, 1.5, 3, 4.5])
    #expect(try merged.tensor("blocks.0.q.bias").floats() == [0, 0.5])
    let stranger = try folder.checkpoint("other.safetensors", [("blocks.1.q.weight", [2, 3])])
    let refused = await CommandRun.inProcess(
      "convert", stranger, "-o", folder.file("x.safetensors"), "--lora", adapter)
    #expect(refused.status == 65)
    #expect(refused.messages.hasPrefix("error: \(adapter): the adapter changes no weight"))
    #expect(
      await CommandRun.inProcess(
        "convert", input, "-o", folder.file("x.safetensors"), "--lora", folder.file("none")
      )
      .status == 66)
    #expect(!FileManager.default.fileExists(atPath: folder.file("x.safetensors")))
  }

  @Test func warnsOfValuesThatF16CannotHold() async throws {
    let input = try folder.checkpoint("in.safetensors", [("a", [140_000])], dtype: .bf16)
    let run = await CommandRun.inProcess(
      "convert", input, "-o", folder.file("out.safetensors"), "--dtype", "f16")
    #expect(run.status == 0)
    #expect(run.messages.contains("warning: a: "), "\(run.messages)")
  }

  @Test func lostInputIsAnError() throws {
    let input = try folder.sparseCheckpoint(
      "big.safetensors", tensorCount: 64, bytesEach: 1 << 28)
    let child = try CommandRun.launch(CommandRun.program, ["inspect", input, "--stats"])
    usleep(200_000)
    #expect(truncate(input, 1 << 20) == 0)
    let run = try child.wait()
    #expect([65, 74].contains(run.status), "\(run.status) \(run.messages)")
    #expect(run.messages.hasPrefix("error: "))
  }

  /// A conversion that has begun to write, and will go on for a while.
  private func startConversion() throws -> CommandRun.Child {
    let input = try folder.sparseCheckpoint(
      "big.safetensors", tensorCount: 64, bytesEach: 1 << 28)
    let child = try CommandRun.launch(
      CommandRun.program, ["convert", input, "-o", folder.file("out.safetensors")])
    var waits = 0
    while try folder.names().count == 1 && waits < 2000 {
      usleep(5_000)
      waits += 1
    }
    try #require(try folder.names().count == 2, "nothing was written beside the output's place")
    return child
  }

  @Test(arguments: [SIGILL, SIGTRAP, SIGSEGV])
  func trapsAreReportedAsOurs(signal: Int32) throws {
    let child = try startConversion()
    kill(child.process.processIdentifier, signal)
    let run = try child.wait()
    #expect(run.status == 70, "\(run.messages)")
    #expect(run.messages.contains("error: flashportrait stopped itself"))
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
  func signalsLeaveNothingBehind(signal: Int32) throws {
    let child = try startConversion()
    // Twice, as `timeout` and terminals may send it.
    kill(child.process.processIdentifier, signal)
    kill(child.process.processIdentifier, signal)
    let run = try child.wait()
    #expect(run.status == 128 + signal, "\(run.messages)")
    #expect(run.messages.contains("error: interrupted by signal \(signal)"), "\(run.messages)")
    #expect(try folder.names() == ["big.safetensors"])
  }
}
