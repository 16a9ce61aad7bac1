import Checkpoints
import FlashPortraitCLI
import Foundation
import MediaIO
import TensorCore
import TestSupport
import Testing

/// The whole of `infer` over a tiny checkpoint whose weights come from a formula.
@Suite struct InferTests {
  private let folder: TemporaryFolder
  private let checkpoints: String

  private static let examples = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("examples").path
  private static let portrait = examples + "/case-1/portrait.png"
  private static let driving = examples + "/case-1/driving.mp4"

  init() async throws {
    folder = try TemporaryFolder()
    checkpoints = folder.file("checkpoints")
    let run = await CommandRun.inProcess(
      "synthesize", "--geometry", "tiny", "--out", checkpoints, "-q")
    try #require(run.status == 0, "\(run.messages)")
  }

  private var networks: [String] {
    [
      "--checkpoints", checkpoints,
      "--face-det", Self.examples + "/networks/face_det.onnx",
      "--face-landmark", Self.examples + "/networks/face_landmark.onnx",
    ]
  }

  private func arguments(_ output: String = "o.mp4") -> [String] {
    ["infer", "--image", Self.portrait, "--driven-video", Self.driving]
      + ["--output", folder.file(output), "--max-size", "64", "--max-frames", "21"]
      + ["--num-inference-steps", "2", "--context-size", "4"] + networks
  }

  private func bytes(_ name: String = "o.mp4") throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
  }

  /// A run that is killed between its output and the end leaves its work folder: the same command
  /// clears it away. Of another job it stays, and so does the output.
  @Test func whatAKilledRunLeftBehindItsOutputGoes() async throws {
    let work = folder.file("o.mp4.work")
    let first = await CommandRun.inProcess(arguments: arguments() + ["--work-dir", work])
    try #require(first.status == 0, "\(first.messages)")
    let video = try bytes()
    let other = await CommandRun.inProcess(arguments: arguments() + ["--seed", "7"])
    #expect(other.status == FlashPortraitCLI.ExitStatus.cannotCreate.rawValue)
    #expect(FileManager.default.fileExists(atPath: work))
    let same = await CommandRun.inProcess(arguments: arguments())
    #expect(same.status == 0 && same.output == folder.file("o.mp4") + "\n")
    #expect(!FileManager.default.fileExists(atPath: work))
    #expect(try bytes() == video)
    let again = await CommandRun.inProcess(arguments: arguments())
    #expect(again.status == FlashPortraitCLI.ExitStatus.cannotCreate.rawValue)
  }

  /// Frames, ratio, duration, sound and colours as ffprobe sees them.
  @Test func theVideoIsAsAsked() async throws {
    let run = await CommandRun.inProcess(arguments: arguments())
    try #require(run.status == 0, "\(run.messages)")
    let path = folder.file("o.mp4")
    #expect(run.output == path + "\n")
    #expect(run.messages.contains("\(path): 21 frames in "))
    #expect(run.messages.contains("64x64, about 21 frames at 25 fps"))
    #expect(!FileManager.default.fileExists(atPath: path + ".work"))

    let found = try TestProgram.ffprobe(path, ["-show_streams", "-count_frames"])["streams"]
    let streams = try #require(found as? [[String: Any]])
    let video = try #require(streams.first { $0["codec_type"] as? String == "video" })
    let sound = try #require(streams.first { $0["codec_type"] as? String == "audio" })
    #expect(video["nb_read_frames"] as? String == "21")
    #expect(video["r_frame_rate"] as? String == "25/1")
    #expect(video["width"] as? Int == 64 && video["height"] as? Int == 64)
    for key in ["color_space", "color_primaries", "color_transfer"] {
      #expect(video[key] as? String == "bt709", "\(key)")
    }
    let seconds = try #require(Double(video["duration"] as? String ?? ""))
    #expect(abs(seconds - 0.84) < 0.001)
    let start = try #require(Double(sound["start_time"] as? String ?? ""))
    let length = try #require(Double(sound["duration"] as? String ?? ""))
    #expect(abs(start) < 0.04 && abs(length - 0.84) < 0.1)

    let shown = await CommandRun.inProcess("inspect", path, "--json")
    let report = try #require(
      try JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? [String: Any])
    #expect(report["frames"] as? Int == 21 && report["frame_rate"] as? String == "25")
    let parameters = try #require(report["parameters"] as? [String: String])
    #expect(parameters["num_inference_steps"] == "2" && parameters["image"] == "portrait.png")
    let lines = await CommandRun.inProcess("inspect", path).output.split(separator: "\n")
    #expect(lines.contains { $0.hasSuffix(" h264, yuv420p, 64x64, 25 frames a second") })
    #expect(lines.contains { $0.wholeMatch(of: /\s*num_inference_steps +2/) != nil }, "\(lines)")
  }

  @Test func whatIsThereStaysUnlessAskedFor() async throws {
    #expect(await CommandRun.inProcess(arguments: arguments() + ["-q"]).status == 0)
    let first = try bytes()
    let refused = await CommandRun.inProcess(arguments: arguments())
    #expect(refused.status == 73)
    let path = folder.file("o.mp4")
    #expect(
      refused.messages
        == "error: \(path): already exists; give --overwrite to replace it, or choose another name\n"
    )
    #expect(try bytes() == first)
    let again = await CommandRun.inProcess(arguments: arguments() + ["--overwrite"])
    #expect(again.status == 0)
    #expect(try bytes() == first)
  }

  @Test func anyNumberOfThreadsGivesTheSameBytes() async throws {
    for threads in ["1", "3"] {
      let run = try CommandRun.program(
        arguments("o\(threads).mp4") + ["--threads", threads, "-q"])
      #expect(run.status == 0 && run.messages.isEmpty, "\(run.messages)")
    }
    #expect(try bytes("o1.mp4") == bytes("o3.mp4"))
  }

  // MARK: Flags and files

  /// The plan as JSON.
  private func plan(_ flags: [String]) async throws -> [String: Any] {
    let run = await CommandRun.inProcess(
      arguments: [
        "infer", "--image", Self.portrait, "--driven-video", Self.driving, "--output",
        folder.file("o.mp4"), "--dry-run", "--log-format", "json",
      ] + networks + flags)
    try #require(run.status == 0, "\(run.messages)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("o.mp4.work")))
    return try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
  }

  @Test func flagsWinOverTheConfigurationOverDefaults() async throws {
    let config = try folder.write(
      Array("max_size: 128\nnum_inference_steps: 7\nsub_num_frames: 17\n".utf8), to: "c.yaml")
    let published = try await plan([])
    #expect(published["steps"] as? Int == 30 && published["forwards"] as? Int == 60)
    #expect(published["height"] as? Int == 720 && published["windows"] as? Int == 1)

    let configured = try await plan(["--config", config])
    #expect(configured["steps"] as? Int == 7 && configured["height"] as? Int == 128)
    #expect(configured["window_latent_frames"] as? Int == 5)
    #expect(configured["window_overlap"] as? Int == 2)

    let flagged = try await plan([
      "--config", config, "--num-inference-steps", "3", "--width", "80", "--height", "96",
      "--context-overlap", "1", "--emo-cfg-scale", "1", "--sampler", "Flow_Unipc",
    ])
    #expect(flagged["steps"] as? Int == 3)
    #expect(flagged["width"] as? Int == 80 && flagged["height"] as? Int == 96)
    #expect(flagged["window_latent_frames"] as? Int == 5)
    #expect(flagged["window_overlap"] as? Int == 1)
    let windows = try #require(flagged["windows"] as? Int)
    #expect(flagged["forwards"] as? Int == 3 * windows)
  }

  @Test(arguments: [
    ("30000/1001", "30000/1001"), ("29.97", "2997/100"), ("12.5", "25/2"), ("50/2", "25"),
  ])
  func ratesAreTakenAsWritten(text: String, rate: String) async throws {
    let plan = try await plan(["--fps", text, "--max-frames", "9"])
    #expect(plan["frame_rate"] as? String == rate)
  }

  @Test func theBaseMayLieAnywhere() async throws {
    let base = folder.file("elsewhere")
    try FileManager.default.moveItem(
      atPath: checkpoints + "/Wan2.1-I2V-14B-720P", toPath: base)
    let without = await CommandRun.inProcess(arguments: arguments())
    #expect(without.status == 66, "\(without.messages)")
    let run = await CommandRun.inProcess(arguments: arguments() + ["--wan-model", base])
    #expect(run.status == 0, "\(run.messages)")
  }

  @Test func jobsOfAFile() async throws {
    let text = """
      defaults: {max_size: 64, num_inference_steps: 1, context_size: 4, max_frames: 5}
      jobs:
        - {image: \(Self.portrait), driven_video: \(Self.driving), output: a.mp4}
        - {image: none.png, driven_video: \(Self.driving), output: b.mp4, name: second}
        - {image: \(Self.portrait), driven_video: \(Self.driving), output: c.mp4, max_frames: 9}

      """
    let list = try folder.write(Array(text.utf8), to: "jobs.yaml")
    let run = await CommandRun.inProcess(arguments: ["infer", "--jobs", list] + networks)
    #expect(run.status == 66)
    #expect(run.output == "\(folder.file("a.mp4"))\n\(folder.file("c.mp4"))\n")
    let errors = run.messages.split(separator: "\n").filter { $0.hasPrefix("error: ") }
    #expect(
      errors == [
        "error: second: \(folder.file("none.png")): no such file or folder",
        "error: 1 of 3 jobs failed",
      ])
    for (name, frames) in [("a.mp4", 5), ("c.mp4", 9)] {
      let video = try VideoReader(path: folder.file(name), order: .rgb).information
      #expect(video.estimatedFrameCount == frames)
    }

    // The same list goes on behind what is done; another job does not take it for its own.
    try FileManager.default.removeItem(atPath: folder.file("c.mp4"))
    let again = await CommandRun.inProcess(arguments: ["infer", "--jobs", list] + networks)
    #expect(again.status == 66 && again.output == run.output)
    #expect(again.messages.contains("a.mp4: is there already, made by the same job"))
    let other = await CommandRun.inProcess(
      arguments: ["infer", "--jobs", list, "--seed", "7"] + networks)
    #expect(other.status == 73 && other.output.isEmpty)
  }

  @Test func thePlanCountsStepsWithoutGuidance() async throws {
    // Four of seven with two passes each: half a step counts as one.
    let plan = try await plan(["--num-inference-steps", "7", "--cfg-skip-ratio", "0.5"])
    #expect(plan["forwards"] as? Int == 11)
  }

  /// Decoding alone takes 167 GB.
  @Test(.enabled(if: SystemMemory.current().usable < 100 << 30))
  func whatDoesNotFitIsRefused() async throws {
    let run = await CommandRun.inProcess(
      arguments: arguments() + ["--max-size", "16384", "--context-size", "4096"])
    #expect(run.status == 69, "\(run.messages)")
    #expect(run.messages.hasPrefix("error: --memory-mode sequential_cpu_offload: needs about "))
    #expect(
      run.messages.hasSuffix(" MB are free; use a smaller --max-size or a smaller --context-size\n")
    )
    #expect(!FileManager.default.fileExists(atPath: folder.file("o.mp4.work")))
  }

  @Test func withoutSoundOnDemand() async throws {
    let run = await CommandRun.inProcess(arguments: arguments() + ["--no-audio", "-q"])
    #expect(run.status == 0, "\(run.messages)")
    #expect(try VideoReader(path: folder.file("o.mp4"), order: .rgb).information.sound == nil)
  }

  @Test func previewsComeWhenAskedFor() async throws {
    let work = folder.file("work")
    let run = await CommandRun.inProcess(
      arguments: arguments() + [
        "--num-inference-steps", "5", "--preview-every", "2", "--work-dir", work,
      ])
    #expect(run.status == 0, "\(run.messages)")
    let names = try FileManager.default.contentsOfDirectory(atPath: work)
      .filter { $0.hasSuffix(".png") }.sorted()
    #expect(names == ["preview-step-002.png", "preview-step-004.png"])
  }

  // MARK: Changes

  /// What the expression is read from and how: the work folder tells each from another.
  @Test(arguments: [
    ("--fps", ["--fps", "12.5"], nil), ("--max-frames", ["--max-frames", "17"], nil),
    ("--face", ["--face", "first"], nil), ("--tracking", ["--tracking", "published"], nil),
    ("--driven-video", [], "driving.mp4"), ("face detector", [], "face_det.onnx"),
    ("face landmarks", [], "face_landmark.onnx"), ("motion encoder", [], "pd_fpg.pth"),
  ])
  func theExpressionIsReadAnew(name: String, flags: [String], changed: String?) async throws {
    let sources = [
      "driving.mp4": Self.driving, "face_det.onnx": Self.examples + "/networks/face_det.onnx",
      "face_landmark.onnx": Self.examples + "/networks/face_landmark.onnx",
      "pd_fpg.pth": checkpoints + "/FlashPortrait/pd_fpg.pth",
    ]
    for (file, source) in sources {
      try FileManager.default.copyItem(atPath: source, toPath: folder.file(file))
    }
    let arguments =
      arguments() + [
        "--driven-video", folder.file("driving.mp4"), "--face-det", folder.file("face_det.onnx"),
        "--face-landmark", folder.file("face_landmark.onnx"), "--pd-fgc", folder.file("pd_fpg.pth"),
        "--stop-after-step", "1",
      ]
    #expect(await CommandRun.inProcess(arguments: arguments).status == 0)
    if let changed {
      let file = folder.file(changed)
      if changed.hasSuffix(".mp4") {
        // A box that says nothing (ISO 14496-12, 8.1.2).
        let box = [0, 0, 0, 8] + Array("free".utf8)
        try (Data(contentsOf: URL(fileURLWithPath: file)) + box)
          .write(to: URL(fileURLWithPath: file))
      } else {
        try FileManager.default.setAttributes(
          [.modificationDate: Date(timeIntervalSince1970: 1_000_000)], ofItemAtPath: file)
      }
    }
    let next = await CommandRun.inProcess(arguments: arguments + flags)
    #expect(next.status == 0, "\(next.messages)")
    let note = "features.safetensors: was made with a different \(name); starting over\n"
    #expect(next.messages.contains(note), "\(next.messages)")
    #expect(next.messages.contains("text: reused from an earlier run"), "\(next.messages)")
  }

  // MARK: Interruption

  /// Ctrl-C in the middle: how to go on is said, and the same command does.
  @Test(arguments: [(SIGINT, 130 as Int32), (SIGTERM, 143 as Int32)])
  func anInterruptedJobGoesOn(signal: Int32, status: Int32) async throws {
    let arguments = arguments() + ["--num-inference-steps", "900"]
    let child = try CommandRun.launch(CommandRun.program, arguments)
    for _ in 0..<600 {
      usleep(50_000)  // a suspended task may wait for minutes among busy tests
      let text = try String(contentsOf: child.messages, encoding: .utf8)
      if text.contains("step 3 of 900") || !child.process.isRunning { break }
    }
    kill(child.process.processIdentifier, signal)
    let run = try child.wait()
    #expect(run.status == status && run.output.isEmpty, "\(run.messages)")
    let last = try #require(run.messages.split(separator: "\n").last)
    let match = try #require(
      last.wholeMatch(
        of: /error: interrupted by signal (\d+); the same command continues (.*); .*/
      ), "\(last)")
    #expect(match.1 == "\(signal)")
    #expect(last.hasSuffix("; what is done is kept in \(folder.file("o.mp4.work"))"))
    let place = try #require(match.2.wholeMatch(of: /after step (\d+) of 900/), "\(last)")
    let step = try #require(Int(place.1))
    #expect(!FileManager.default.fileExists(atPath: folder.file("o.mp4")))

    let shown = await CommandRun.inProcess("inspect", folder.file("o.mp4.work"))
    #expect(shown.output.contains("after step \(step)"), "\(shown.output)")
    let next = await CommandRun.inProcess(
      arguments: arguments + ["--stop-after-step", "\(step + 2)"])
    #expect(next.status == 0 && next.output.isEmpty)
    #expect(next.messages.contains("features: reused from an earlier run"))
    #expect(next.messages.contains("denoising: resuming after \(step) of 900 steps"))
    #expect(next.messages.contains("stopped after step \(step + 2) of 900; "))
  }

  @Test func aSecondStepIsEnoughForAVideo() async throws {
    let run = await CommandRun.inProcess(
      arguments: arguments() + [
        "--num-inference-steps", "9", "--stop-after-step", "2", "--decode-partial",
      ])
    #expect(run.status == 0, "\(run.messages)")
    #expect(run.output == folder.file("o.mp4") + "\n")
    #expect(
      try VideoReader(path: folder.file("o.mp4"), order: .rgb).information.estimatedFrameCount
        == 21)
    let work = folder.file("o.mp4.work")
    #expect(FileManager.default.fileExists(atPath: work))
    // A folder in it counts with its files.
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(work)/video")
    let bytes = try names.reduce(0) { sum, name in
      sum + (try Data(contentsOf: URL(fileURLWithPath: "\(work)/video/\(name)")).count)
    }
    let shown = await CommandRun.inProcess("inspect", work, "--json")
    let squeezed = shown.output.filter { !$0.isWhitespace }
    #expect(squeezed.contains("\"bytes\":\(bytes),\"file\":\"video\""), "\(shown.output)")
    #expect(squeezed.contains("\"files\":\(names.count)"), "\(shown.output)")
  }
}
