import FlashPortraitCLI
import Foundation
import TestSupport
import Testing

/// `fast-infer`, and `infer` with what makes it faster, over a tiny checkpoint whose weights come from
/// a formula.
@Suite struct FastInferTests {
  private let folder: TemporaryFolder
  private let checkpoints: String

  private static let examples = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("examples").path

  init() async throws {
    folder = try TemporaryFolder()
    checkpoints = folder.file("checkpoints")
    let run = await CommandRun.inProcess(
      "synthesize", "--geometry", "tiny", "--out", checkpoints, "-q")
    try #require(run.status == 0, "\(run.messages)")
  }

  private var adapter: String { checkpoints + "/FlashPortrait/fast_lora_rank64.safetensors" }
  private var tinyVAE: String { checkpoints + "/FlashPortrait/fast_vae.pth" }

  private func remove(_ path: String) throws {
    try FileManager.default.removeItem(atPath: path)
  }

  private func arguments(_ command: String = "fast-infer") -> [String] {
    [
      command, "--image", Self.examples + "/case-1/portrait.png",
      "--driven-video", Self.examples + "/case-1/driving.mp4", "--output", folder.file("o.mp4"),
      "--checkpoints", checkpoints, "--face-det", Self.examples + "/networks/face_det.onnx",
      "--face-landmark", Self.examples + "/networks/face_landmark.onnx",
      "--max-size", "64", "--max-frames", "9", "--context-size", "4",
    ]
  }

  private func run(_ flags: String..., command: String = "fast-infer") async -> CommandRun {
    await CommandRun.inProcess(arguments: arguments(command) + flags)
  }

  /// The plan as JSON.
  private func plan(
    _ flags: [String], command: String = "fast-infer"
  ) async throws -> (plan: [String: Any], speed: [String: Any], messages: String) {
    let run = await CommandRun.inProcess(
      arguments: arguments(command) + ["--dry-run", "--log-format", "json"] + flags)
    try #require(run.status == 0, "\(run.messages)")
    let plan = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    return (plan, try #require(plan["speed"] as? [String: Any]), run.messages)
  }

  // MARK: Plan

  @Test func thePlanTellsWhatWasChosenAndWhy() async throws {
    let text = await run("--dry-run")
    #expect(text.status == 0, "\(text.messages)")
    let lines = text.output.split(separator: "\n").map(String.init)
    #expect(lines.contains("  steps    4, 8 passes of the transformer"), "\(lines)")
    #expect(lines.contains("  speed    4-step LoRA (\(adapter) is there)"), "\(lines)")
    #expect(lines.contains("  decoder  tiny VAE (\(tinyVAE) is there)"), "\(lines)")

    let (plan, speed, _) = try await plan([])
    #expect(plan["steps"] as? Int == 4 && plan["forwards"] as? Int == 8)
    #expect(speed["acceleration"] as? String == "distill")
    #expect(speed["reason"] as? String == "\(adapter) is there")
    #expect(speed["distilled_steps"] as? [Int] == [1000, 750, 500, 250])
    #expect(speed["adapter"] as? String == adapter && speed["adapter_weight"] as? Int == 1)
    #expect(speed["tiny_vae"] as? Bool == true)
    #expect(speed["tiny_vae_reason"] as? String == "\(tinyVAE) is there")
  }

  @Test func withoutTheFilesThereIsPrediction() async throws {
    for path in [adapter, tinyVAE] { try remove(path) }
    let text = await run("--dry-run", "--alp-series", "taylor")
    let lines = text.output.split(separator: "\n").map(String.init)
    #expect(
      lines.contains(
        "  speed    Adaptive Latent Prediction: one of 5 steps computed, order 3, Taylor's series "
          + "(--alp-series)"), "\(lines)")
    #expect(lines.contains("  decoder  full VAE (no \(tinyVAE))"), "\(lines)")

    let (plan, speed, _) = try await plan([
      "--alp-interval", "3", "--alp-order", "2", "--alp-clock", "sigmas", "--alp-alpha", "1",
    ])
    #expect(plan["steps"] as? Int == 30)
    #expect(speed["acceleration"] as? String == "alp")
    let prediction = try #require(speed["prediction"] as? [String: Any])
    #expect(prediction["interval"] as? Int == 3 && prediction["order"] as? Int == 2)
    #expect(prediction["clock"] as? String == "sigmas" && prediction["alpha"] as? Int == 1)
    #expect(prediction["is_dynamic"] as? Bool == true)
    #expect(speed["tiny_vae"] as? Bool == false && speed["adapter"] == nil)
    #expect(try await self.plan([]).speed["reason"] as? String == "no \(adapter)")
  }

  @Test func inferTakesTeaCache() async throws {
    let plain = await run("--dry-run", command: "infer")
    #expect(plain.status == 0 && !plain.output.contains("  speed "), "\(plain.output)")
    let cached = await run("--dry-run", "--teacache", command: "infer")
    #expect(cached.output.contains("\n  speed    TeaCache: threshold 0.1 (--teacache)\n"))
    let speed = try await plan(
      ["--teacache", "--teacache-threshold", "0.2", "--teacache-start-steps", "3"],
      command: "infer"
    ).speed
    let cache = try #require(speed["tea_cache"] as? [String: Any])
    #expect(cache["threshold"] as? Double == 0.2 && cache["start_steps"] as? Int == 3)
    #expect(speed["tiny_vae"] == nil)
  }

  // MARK: Files

  @Test func flagsWinOverTheConfiguration() async throws {
    let config = try folder.write(
      Array(
        """
        acceleration: alp
        alp_interval: 2
        alp_series: taylor
        alp_dynamic: false
        num_inference_steps: 20
        tiny_vae: false
        """.utf8), to: "c.yaml")
    let configured = try await plan(["--config", config])
    #expect(configured.plan["steps"] as? Int == 20)
    #expect(configured.speed["reason"] as? String == "acceleration: alp")
    #expect(configured.speed["tiny_vae_reason"] as? String == "use_tiny_vae: false")
    let prediction = try #require(configured.speed["prediction"] as? [String: Any])
    #expect(prediction["interval"] as? Int == 2 && prediction["series"] as? String == "taylor")
    #expect(prediction["is_dynamic"] as? Bool == false)

    let flagged = try await plan(["--config", config, "--alp-interval", "4", "--tiny-vae"])
    let changed = try #require(flagged.speed["prediction"] as? [String: Any])
    #expect(changed["interval"] as? Int == 4 && changed["series"] as? String == "taylor")
    #expect(flagged.speed["tiny_vae"] as? Bool == true)

    let distilled = try await plan(["--config", config, "--acceleration", "distill"])
    #expect(distilled.plan["steps"] as? Int == 4)
    #expect(
      distilled.messages.contains("num_inference_steps: 20 is not used: the 4-step LoRA has 4"))
  }

  @Test func theProjectsConfigurationLeavesTheChoice() async throws {
    let config = Self.examples + "/../config/wan2.1/wan_fast.yaml"
    let flags = ["--config", config, "--context-overlap", "2"]
    let there = try await plan(flags)
    #expect(there.speed["acceleration"] as? String == "distill")
    #expect(there.speed["tiny_vae"] as? Bool == true && there.messages.isEmpty)
    for path in [adapter, tinyVAE] { try remove(path) }
    let gone = try await plan(flags)
    #expect(gone.speed["acceleration"] as? String == "alp" && gone.plan["steps"] as? Int == 30)
    #expect(gone.speed["tiny_vae"] as? Bool == false && gone.messages.isEmpty)
  }

  @Test func publishedKeysOfDistillation() async throws {
    let other = folder.file("other.safetensors")
    try FileManager.default.moveItem(atPath: adapter, toPath: other)
    let config = try folder.write(
      Array(
        """
        step_distill_kwargs:
          enable_step_distill: true
          step_distill_lora_path: \(other)
          step_distill_lora_strength: 0.5
          denoising_step_list: [1000, 600]
          step_distill_infer_steps: 2
        """.utf8), to: "c.yaml")
    let (plan, speed, _) = try await plan(["--config", config])
    #expect(plan["steps"] as? Int == 2 && speed["adapter"] as? String == other)
    #expect(speed["adapter_weight"] as? Double == 0.5)
    #expect(speed["distilled_steps"] as? [Int] == [1000, 600])

    // The other command says that it does not.
    let all = try await self.plan(["--config", config], command: "infer")
    #expect(all.speed["acceleration"] as? String == "none" && all.plan["steps"] as? Int == 30)
    #expect(
      all.messages.contains(
        "c.yaml:2: 'step_distill_kwargs.enable_step_distill' is for fast-infer; this command runs "
          + "all steps"), "\(all.messages)")
  }

  @Test func jobsOfAListHaveTheSameNetworks() async throws {
    let list = try folder.write(
      Array(
        """
        defaults: {image: \(Self.examples)/case-1/portrait.png, max_size: 64, max_frames: 9}
        jobs:
          - {driven_video: \(Self.examples)/case-1/driving.mp4, output: a.mp4, acceleration: alp}
          - {driven_video: \(Self.examples)/case-1/driving.mp4, output: b.mp4, enable_teacache: on}
          - {driven_video: \(Self.examples)/case-1/driving.mp4, output: c.mp4, acceleration: distill}

        """.utf8), to: "jobs.yaml")
    let common = arguments().dropFirst(7)
    let mixed = await CommandRun.inProcess(
      arguments: ["fast-infer", "--jobs", list, "--dry-run"] + common)
    #expect(mixed.status == 64 && mixed.output.isEmpty)
    #expect(
      mixed.messages
        == "error: c.mp4: 'acceleration': either all jobs of a list or none can have distill: they "
        + "have the same networks\n")
    // A flag is for all of them.
    let same = await CommandRun.inProcess(
      arguments: ["fast-infer", "--jobs", list, "--dry-run", "--acceleration", "distill"] + common)
    #expect(same.status == 0, "\(same.messages)")
    #expect(same.output.components(separatedBy: "4-step LoRA (--acceleration distill)").count == 4)
  }

  // MARK: Refusals

  @Test func whatIsAskedForMustBeThere() async throws {
    for path in [adapter, tinyVAE] { try remove(path) }
    let distilled = await run("--acceleration", "distill")
    #expect(distilled.status == 66 && distilled.output.isEmpty)
    #expect(
      distilled.messages
        == "error: \(adapter): no such file; it holds the 4-step LoRA, which --acceleration distill "
        + "asks for: download it, or give --acceleration alp\n")
    let tiny = await run("--tiny-vae")
    #expect(tiny.status == 66 && tiny.messages.hasPrefix("error: \(tinyVAE): no such file; "))
    #expect(!FileManager.default.fileExists(atPath: folder.file("o.mp4.work")))
  }

  /// Before anything is opened: none of the files is there.
  @Test(arguments: [
    (["--acceleration", "lcm"], "The value 'lcm' is invalid for '--acceleration <kind>'"),
    (["--alp-interval", "0"], "--alp-interval 0: expected 1 to 1000"),
    (["--alp-order", "5"], "--alp-order 5: expected 0 to 4"),
    (["--alp-alpha", "11"], "--alp-alpha 11.0: expected 0.0 to 10.0"),
    (["--alp-series", "pade"], "The value 'pade' is invalid for '--alp-series <series>'"),
    (
      ["--alp-no-dynamic", "--alp-alpha", "1"],
      "--alp-no-dynamic and --alp-alpha contradict each other"
    ),
    (
      ["--distill-steps", "1000,1000"],
      "The value '1000,1000' is invalid for '--distill-steps <n,n,...>'"
    ),
    (["--distill-steps", "1001"], "The value '1001' is invalid"),
    (["--distill-steps", "1000,0"], "The value '1000,0' is invalid"),
    (["--distill-steps", "1000,,500"], "The value '1000,,500' is invalid"),
    (["--teacache-threshold=-1"], "--teacache-threshold -1.0: expected 0.0 to 1000000.0"),
    (["--teacache-start-steps", "0"], "--teacache-start-steps 0: expected 1 to 1000"),
    (
      ["--no-teacache", "--teacache-start-steps", "3"],
      "--no-teacache and --teacache-start-steps contradict each other"
    ),
    (
      ["--acceleration", "distill", "--alp-order", "2"],
      "--acceleration distill and --alp-order contradict each other"
    ),
    (["--tile-vae", "--tiny-vae"], "--tile-vae and --tiny-vae contradict each other"),
  ])
  func wrongFlags(flags: [String], message: String) async {
    let run = await CommandRun.inProcess(
      arguments: ["fast-infer", "--image", "a.png", "--driven-video", "b.mp4", "-o", "c.mp4"]
        + flags)
    #expect(run.status == 64 && run.output.isEmpty)
    #expect(run.messages.hasPrefix("error: \(message)"), "\(run.messages)")
  }

  @Test func stepsAndSamplersThatTheAdapterDoesNotHave() async throws {
    for flags in [["--num-inference-steps", "20"], ["--sampler", "flow-unipc"]] {
      let run = await CommandRun.inProcess(
        arguments: arguments() + ["--acceleration", "distill"] + flags)
      #expect(run.status == 64, "\(run.messages)")
      #expect(run.messages.hasPrefix("error: \(flags.joined(separator: " ")): the 4-step LoRA"))
    }
    let stop = await run("--stop-after-step", "5")
    #expect(stop.status == 64 && stop.messages == "error: --stop-after-step 5: expected 1 to 4\n")
  }

  @Test func theSectionsOfTheHelp() async {
    let fast = await CommandRun.inProcess("fast-infer", "--help").output
    let all = await CommandRun.inProcess("infer", "--help").output
    func sections(_ text: String) -> [String] {
      text.split(separator: "\n").filter { $0.hasSuffix(":") && $0 == $0.uppercased() }
        .map(String.init)
    }
    let common = [
      "WINDOWS:", "CHECKPOINTS:", "MEMORY AND ARITHMETIC:", "WORK:", "PROGRESS:", "MACHINE:",
      "OPTIONS:",
    ]
    let first = ["INPUTS AND OUTPUT:", "VIDEO:", "DENOISING:"]
    #expect(sections(all) == first + ["ACCELERATION:"] + common)
    #expect(sections(fast) == ["ACCELERATION:"] + first + common)
    #expect(fast.contains("--alp-no-dynamic") && fast.contains("--teacache/--no-teacache"))
    #expect(all.contains("--teacache-threshold") && !all.contains("--acceleration"))
  }

  // MARK: Jobs

  @Test func theVideoTellsHowItWasMadeFaster() async throws {
    let path = folder.file("o.mp4")
    func parameters(_ flags: [String]) async throws -> [String: String] {
      let run = await CommandRun.inProcess(
        arguments: arguments() + ["--overwrite", "-q"] + flags)
      try #require(run.status == 0 && run.output == path + "\n", "\(run.messages)")
      let shown = await CommandRun.inProcess("inspect", path, "--json")
      let report = try #require(
        try JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? [String: Any])
      return try #require(report["parameters"] as? [String: String])
    }
    let predicted = try await parameters([
      "--acceleration", "alp", "--num-inference-steps", "7", "--alp-interval", "2",
    ])
    #expect(predicted["acceleration"] == "alp" && predicted["alp_interval"] == "2")
    #expect(predicted["alp_order"] == "3" && predicted["alp_alpha"] == "1.5")
    #expect(predicted["tiny_vae"] == "true" && predicted["num_inference_steps"] == "7")
    let cached = try await parameters(["--teacache", "--num-inference-steps", "6"])
    #expect(cached["acceleration"] == "teacache" && cached["teacache_threshold"] == "0.1")
    #expect(cached["num_skip_start_steps"] == "5" && cached["alp_order"] == nil)
    let distilled = try await parameters([])
    #expect(distilled["acceleration"] == "distill" && distilled["num_inference_steps"] == "4")
  }

  /// Another acceleration is another job for the work folder.
  @Test func whatChangesThePixelsStartsOver() async throws {
    let first = ["--acceleration", "alp", "--num-inference-steps", "6", "--stop-after-step", "2"]
    let begun = await CommandRun.inProcess(arguments: arguments() + first)
    #expect(begun.status == 0, "\(begun.messages)")
    let same = await CommandRun.inProcess(
      arguments: arguments() + first + ["--stop-after-step", "3"])
    #expect(same.messages.contains("resuming after 2 of 6 steps"), "\(same.messages)")
    let other = await CommandRun.inProcess(arguments: arguments() + first + ["--alp-order", "1"])
    #expect(other.status == 0, "\(other.messages)")
    #expect(
      other.messages.contains("was made with a different --acceleration; starting over"),
      "\(other.messages)")
    #expect(other.messages.contains("features: reused from an earlier run"))
  }
}
