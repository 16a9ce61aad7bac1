import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// `features` on the project's example, with the example's own face networks.
@Suite struct FeaturesTests {
  private let folder: TemporaryFolder
  private let checkpoints: String

  private static let examples = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("examples").path
  private static let driving = examples + "/case-1/driving.mp4"

  init() async throws {
    folder = try TemporaryFolder()
    checkpoints = folder.file("checkpoints")
    let run = await CommandRun.inProcess(
      "synthesize", "--geometry", "tiny", "--networks", "motion-encoder", "--out", checkpoints,
      "-q")
    try #require(run.status == 0, "\(run.messages)")
  }

  private func arguments(_ video: String, out: String = "f.safetensors") -> [String] {
    let networks = Self.examples + "/networks"
    return [
      "features", video, "--out", folder.file(out), "--checkpoints", checkpoints,
      "--face-det", networks + "/face_det.onnx",
      "--face-landmark", networks + "/face_landmark.onnx",
    ]
  }

  private func features(_ video: String, _ more: String...) async -> CommandRun {
    await CommandRun.inProcess(arguments: arguments(video) + more)
  }

  private func found(_ name: String, in file: String = "f.safetensors") throws -> Tensor {
    try Checkpoint.open(folder.file(file)).tensor(name)
  }

  /// Makes a video of the example by a filter, two seconds at most.
  private func video(_ filter: String, _ more: String...) throws -> String {
    let path = folder.file("video.mp4")
    try TestProgram.ffmpeg(
      ["-i", Self.driving, "-filter_complex", filter, "-an", "-c:v", "libx264", "-crf", "18"]
        + more + [path])
    return path
  }

  @Test func landmarksOfTheExampleLieWhereTheyAre() async throws {
    let overlay = folder.file("o.mp4")
    let run = await features(Self.driving, "--overlay", overlay)
    try #require(run.status == 0, "\(run.messages)")
    #expect(run.output == "\(folder.file("f.safetensors"))\n\(overlay)\n")
    #expect(run.messages.contains("a face in 125 of 125 frames"))

    let file = try Checkpoint.open(folder.file("f.safetensors"))
    #expect(file.metadata["frame_rate"] == "25/1")
    #expect(file.metadata["width"] == "480" && file.metadata["height"] == "640")
    #expect(try found("features").shape[0] == 125)
    #expect(try found("valid").bytes().allSatisfy { $0 == 1 })
    let truth = try Checkpoint.open(Self.examples + "/case-1/landmarks.safetensors")
    let frames = try truth.tensor("frames").converted(to: .f32).floats().map { Int($0) }
    let want = try truth.tensor("landmarks").floats()
    let got = try found("landmarks").floats()
    var total = 0.0
    for (row, frame) in frames.enumerated() {
      for value in 0..<444 {
        total += Double(abs(got[frame * 444 + value] - want[row * 444 + value]))
      }
    }
    // The face is 235 pixels wide: an error of 1 % along each axis.
    #expect(total / Double(frames.count * 444) < 2.35)

    let streams = try TestProgram.ffprobe(overlay, ["-show_streams"])["streams"]
    let kinds = (streams as? [[String: Any]] ?? []).map { $0["codec_name"] as? String }
    #expect(kinds == ["h264", "aac"])
    #expect((streams as? [[String: Any]])?.first?["nb_frames"] as? String == "125")
  }

  @Test func anyNumberOfThreadsGivesTheSameBytes() async throws {
    let files = try ["1", "3"].map { threads in
      let name = "threads\(threads).safetensors"
      let run = try CommandRun.program(
        arguments(Self.driving, out: name) + ["--max-frames", "20", "--threads", threads])
      try #require(run.status == 0, "\(run.messages)")
      return try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
    }
    #expect(files[0].elementsEqual(files[1]))
    #expect(try found("valid", in: "threads1.safetensors").count == 20)
  }

  /// Ten frames of grey in the middle: the grid is kept, the gap is filled, and the user is told.
  @Test func framesWithoutAFaceAreFilled() async throws {
    let path = try video(
      "[0]trim=end_frame=40,drawbox=color=gray:t=fill:enable='between(n,15,24)'")
    let run = await features(path)
    try #require(run.status == 0, "\(run.messages)")
    #expect(
      run.messages.contains(
        "no face in 10 of 40 frames, filled from their neighbours: 15, 16, 17, 18, 19, ..."))
    let valid = try found("valid").bytes()
    #expect(valid.indices.filter { valid[$0] == 0 }.elementsEqual(15..<25))
    let features = try found("features")
    let width = features.shape[1]
    let values = try features.floats()
    for column in 0..<width {
      let (before, after) = (values[14 * width + column], values[25 * width + column])
      let middle = values[19 * width + column]
      #expect(abs(middle - (before + (after - before) * 5 / 11)) < 1e-4)
    }
    #expect(try found("landmarks").floats()[15 * 444..<25 * 444].allSatisfy { $0 == 0 })
  }

  /// Two of the same face: which one is followed is the user's choice.
  @Test(arguments: [
    ("left", true), ("right", false), ("largest", true), ("90,200", true), ("350,200", false),
  ])
  func theChosenFaceIsFollowed(choice: String, isLeft: Bool) async throws {
    let path = try video(
      "[0]trim=end_frame=12,split[a][b];[a]scale=240:320[c];[b]scale=216:288,pad=240:320[d];"
        + "[c][d]hstack")
    let run = await features(path, "--face", choice)
    try #require(run.status == 0, "\(run.messages)")
    let boxes = try found("boxes").floats()
    for frame in 0..<12 {
      #expect((boxes[4 * frame + 2] <= 250) == isLeft, "frame \(frame)")
    }
  }

  @Test func whatIsNoDrivingVideoIsRefused() async throws {
    let sound = folder.file("sound.m4a")
    try TestProgram.ffmpeg(["-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", sound])
    let faceless = folder.file("faceless.mp4")
    try TestProgram.ffmpeg(
      ["-f", "lavfi", "-i", "testsrc2=s=320x240:d=0.4", "-c:v", "libx264", faceless])
    let text = try folder.write(Array("no video".utf8), to: "text.mp4")
    let empty = try folder.write([], to: "empty.mp4")
    let hidden = try video("[0]trim=end_frame=20,drawbox=color=gray:t=fill:enable='gte(n,8)'")
    for (path, status, part) in [
      (sound, 65, "holds sound only"), (faceless, 65, "no face found in 10 frames"),
      (text, 65, "not a video"),
      (empty, 65, "holds nothing"), (folder.path, 65, "is not a video"),
      (folder.file("none.mp4"), 66, "no such file"),
      (hidden, 65, "a face in 8 of 20 frames"),
    ] {
      let run = await features(path)
      #expect(run.status == status, "\(path): \(run.messages)")
      let last = run.messages.split(separator: "\n").last ?? ""
      #expect(last.hasPrefix("error: \(path)") && last.contains(part), "\(run.messages)")
      #expect(run.output.isEmpty)
      #expect(!FileManager.default.fileExists(atPath: folder.file("f.safetensors")))
    }
  }

  @Test func outputsAreCheckedFirst() async throws {
    let output = try folder.write([1, 2], to: "f.safetensors")
    let run = await features(Self.driving)
    #expect(run.status == 73)
    #expect(run.messages.contains("--overwrite"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: output)).elementsEqual([1, 2]))
    #expect(await features(Self.driving, "--overwrite", "--max-frames", "2").status == 0)
    #expect(await features(Self.driving, "--overlay", "/nowhere/o.mp4").status == 73)
    let network = try Data(contentsOf: URL(fileURLWithPath: Self.driving))
    #expect(await features(Self.driving, "--overlay", Self.driving, "--overwrite").status == 64)
    #expect(try Data(contentsOf: URL(fileURLWithPath: Self.driving)) == network)
  }

  @Test(arguments: [
    ["--face", "nobody"], ["--max-frames", "0"], ["--overlay", "o.avi"], ["--face", "1,"],
  ])
  func wrongFlagsAreRefused(flags: [String]) async throws {
    let run = await CommandRun.inProcess(arguments: arguments(Self.driving) + flags)
    #expect(run.status == 64)
    #expect(run.messages.contains(flags[1]), "\(run.messages)")
  }

  @Test func networksThatAreNotThoseOfFacesAreNamed() async throws {
    let networks = Self.examples + "/networks"
    let swapped = await CommandRun.inProcess(
      "features", Self.driving, "--out", folder.file("f.safetensors"), "--checkpoints",
      checkpoints, "--face-det", networks + "/face_landmark.onnx", "--face-landmark",
      networks + "/face_det.onnx")
    #expect(swapped.status == 65)
    #expect(swapped.messages.contains("face_landmark.onnx: expected"))
    let without = await CommandRun.inProcess(
      "features", Self.driving, "--out", folder.file("f.safetensors"), "--checkpoints",
      checkpoints)
    #expect(without.status == 66)
    #expect(without.messages.contains("FlashPortrait/face_det.onnx: no such file"))
  }

  /// Ctrl-C in the middle leaves no output, and nothing half-written.
  @Test func interruptionLeavesNothing() async throws {
    let long = folder.file("long.mp4")
    try TestProgram.ffmpeg(["-stream_loop", "20", "-i", Self.driving, "-c", "copy", long])
    let child = try CommandRun.launch(
      CommandRun.program, arguments(long) + ["--overlay", folder.file("o.mp4")])
    sleep(1)  // a suspended task may wait for minutes among busy tests
    kill(child.process.processIdentifier, SIGINT)
    let run = try child.wait()
    #expect(run.status == 130, "\(run.messages)")
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(left == ["checkpoints", "long.mp4"])
  }
}
