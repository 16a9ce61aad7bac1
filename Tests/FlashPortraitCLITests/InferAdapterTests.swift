import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// `infer --lora` over a tiny checkpoint.
@Suite struct InferAdapterTests {
  private let folder: TemporaryFolder
  private var checkpoints: String { folder.file("checkpoints") }
  private var adapter: String { checkpoints + "/FlashPortrait/fast_lora_rank64.safetensors" }

  private static let examples = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("examples").path

  init() async throws {
    folder = try TemporaryFolder()
    let run = await CommandRun.inProcess(
      "synthesize", "--geometry", "tiny", "--out", checkpoints, "-q")
    try #require(run.status == 0, "\(run.messages)")
  }

  private func arguments(_ name: String, _ more: [String]) -> [String] {
    ["infer", "--image", Self.examples + "/case-1/portrait.png"]
      + ["--driven-video", Self.examples + "/case-1/driving.mp4", "--checkpoints", checkpoints]
      + ["--output", folder.file("\(name).mp4"), "--work-dir", folder.file(name)]
      + ["--max-size", "64", "--max-frames", "21", "--num-inference-steps", "3"]
      + ["--context-size", "4", "--stop-after-step", "2"] + more
  }

  /// The latents after two steps.
  private func latents(_ name: String, _ more: String...) throws -> [UInt8] {
    let run = try CommandRun.program(arguments(name, more))
    try #require(run.status == 0, "\(run.messages)")
    return try Checkpoint.openFile(folder.file("\(name)/latents.safetensors")).tensor("latents")
      .bytes()
  }

  @Test func theJobIsThatOfMergedFiles() async throws {
    let base = checkpoints + "/Wan2.1-I2V-14B-720P/diffusion_pytorch_model.safetensors.index.json"
    let merged = folder.file("merged.safetensors")
    let converted = await CommandRun.inProcess(
      "convert", base, "--output", merged, "--lora", adapter + ":0.7", "--lora", adapter + ":-0.2")
    try #require(converted.status == 0, "\(converted.messages)")
    let folder = self.folder.file("beforehand")
    try FileManager.default.copyItem(atPath: checkpoints, toPath: folder)
    let names = try FileManager.default.contentsOfDirectory(
      atPath: folder + "/Wan2.1-I2V-14B-720P")
    for name in names where name.hasPrefix("diffusion_pytorch_model") {
      try FileManager.default.removeItem(atPath: "\(folder)/Wan2.1-I2V-14B-720P/\(name)")
    }
    try FileManager.default.moveItem(
      atPath: merged,
      toPath: folder + "/Wan2.1-I2V-14B-720P/diffusion_pytorch_model.safetensors")

    let expected = try latents("a", "--checkpoints", folder)
    for (index, (threads, mode)) in [
      ("1", "sequential_cpu_offload"), ("2", "sequential_cpu_offload"), ("2", "model_full_load"),
    ].enumerated() {
      let got = try latents(
        "b\(index)", "--threads", threads, "--memory-mode", mode, "--lora", adapter + ":0.7",
        "--lora", adapter + ":-0.2")
      #expect(got == expected, "\(threads) threads, \(mode)")
    }
    #expect(try latents("c") != expected)
  }

  @Test func whatDoesNotFitIsRefused() async throws {
    let strange = try folder.checkpoint(
      "strange.safetensors",
      [
        ("diffusion_model.blocks.0.self_attn.q.lora_down.weight", [2, 95]),
        ("diffusion_model.blocks.0.self_attn.q.lora_up.weight", [96, 2]),
      ])
    for weight in [":1", ":0", ""] {
      let run = await CommandRun.inProcess(
        arguments: arguments("x", ["--lora", strange + weight, "--dry-run"]))
      #expect(run.status == 65)
      let lines = run.messages.split(separator: "\n")
      #expect(
        lines.first == "error: \(strange): the adapter changes no weight of this network: "
          + "is it made for another one?")
      #expect(lines.last?.contains("does not fit blocks.0.self_attn.q.weight [96, 96]") == true)
    }
    let missing = await CommandRun.inProcess(
      arguments: arguments("x", ["--lora", folder.file("none:2")]))
    #expect(missing.status == 66 && missing.messages.contains(folder.file("none")))
    let large = await CommandRun.inProcess(arguments: arguments("x", ["--lora", adapter + ":500"]))
    #expect(large.status == 64, "\(large.messages)")
    #expect(large.messages.hasPrefix("error: --lora 500.0: expected -100.0 to 100.0"))
    #expect(!FileManager.default.fileExists(atPath: folder.file("x")))
  }

  /// What is merged shows where it does not fit.
  @Test func configurationsNameThemToo() async throws {
    let strange = try folder.checkpoint("strange.safetensors", [("a.lora_A.weight", [2, 95])])
    let texts = [
      "lora_path: \(strange)\nlora_weight: 0.5\n", "lora: [\"\(strange):0.5\"]\n",
    ]
    for text in texts {
      let config = try folder.write(Array(text.utf8), to: "c.yaml")
      let run = await CommandRun.inProcess(
        arguments: arguments("x", ["--config", config, "--dry-run"]))
      #expect(run.status == 65)
      #expect(run.messages.hasPrefix("error: \(strange): the adapter changes no weight"))
      let flagged = await CommandRun.inProcess(
        arguments: arguments("x", ["--config", config, "--lora", adapter, "--dry-run"]))
      #expect(flagged.status == 0, "flags win: \(flagged.messages)")
    }
  }
}
