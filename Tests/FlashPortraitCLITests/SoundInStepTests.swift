import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// A driving video with one beep: the beep stays with the frame that it was heard with.
@Suite struct SoundInStepTests {
  private let folder: TemporaryFolder
  private let common: [String]

  /// Of the driving video: frames, frames a second, and the frame at which the beep begins.
  private static let frames = 50
  private static let rate = 30000.0 / 1001
  private static let beep = 31

  init() async throws {
    folder = try TemporaryFolder()
    let checkpoints = folder.file("checkpoints")
    let made = await CommandRun.inProcess(
      "synthesize", "--geometry", "tiny", "--out", checkpoints, "-q")
    try #require(made.status == 0, "\(made.messages)")
    try TestProgram.ffmpeg(
      ["-f", "lavfi", "-i", "testsrc2=s=32x32", "-frames:v", "1", folder.file("picture.png")])
    common = [
      "infer", "--image", folder.file("picture.png"), "--checkpoints", checkpoints,
      "--output", folder.file("o.mp4"), "--max-size", "32", "--num-inference-steps", "1",
      "--emo-cfg-scale", "1", "--context-size", "7", "--quiet",
    ]
  }

  /// Writes the driving video.
  private func video(_ name: String = "driving.mp4", _ arguments: [String] = []) throws -> String {
    let seconds = Double(Self.frames) / Self.rate
    let start = Double(Self.beep) / Self.rate
    let path = folder.file(name)
    try TestProgram.ffmpeg(
      ["-f", "lavfi", "-i", "color=gray:s=64x64:r=30000/1001:d=\(seconds)"]
        + [
          "-f", "lavfi", "-i",
          "aevalsrc=0.8*sin(6283*t)*between(t\\,\(start)\\,\(start + 0.1)):s=48000:d=\(seconds)",
        ] + arguments + [path])
    return path
  }

  private func features() throws -> String {
    let path = folder.file("f.safetensors")
    let values = try ProceduralWeights.noise("features", shape: [Self.frames, 106], scale: 1)
    try SafetensorsWriter.write(
      [("features", values)], to: path, metadata: ["frame_rate": "30000/1001"])
    return path
  }

  /// Frames of the output, and seconds from its first frame to the beep.
  private func output() throws -> (frames: Int, beep: Double) {
    let path = folder.file("o.mp4")
    let found = try TestProgram.ffprobe(
      path, ["-select_streams", "v", "-show_streams", "-count_frames"])["streams"]
    let stream = try #require((found as? [[String: Any]])?.first)
    let frames = try #require(Int(stream["nb_read_frames"] as? String ?? ""))
    #expect(Double(stream["start_time"] as? String ?? "") == 0)
    let sound = folder.file("sound.raw")
    try TestProgram.ffmpeg(
      ["-i", path, "-af", "aresample=48000:async=1:first_pts=0", "-ac", "1", "-f", "f32le", sound])
    let samples = try Data(contentsOf: URL(fileURLWithPath: sound)).withUnsafeBytes {
      Array($0.bindMemory(to: Float.self))
    }
    let first = try #require(samples.firstIndex { abs($0) > 0.15 }, "no beep")
    return (frames, Double(first) / 48000)
  }

  struct Job: Sendable, CustomTestStringConvertible {
    var flags: [String] = []
    /// Of the output.
    var rate = SoundInStepTests.rate
    var frames: Int

    var testDescription: String { flags.joined(separator: " ") }
  }

  /// The beep begins with the output's frame that the driving frame of the beep has become, to a
  /// tenth of a frame.
  ///
  /// - Parameter beep: seconds from the driving video's first frame.
  private func check(
    _ job: Job, source: [String], beep: Double = Double(beep) / rate
  ) async throws {
    let run = await CommandRun.inProcess(
      arguments: common + ["--overwrite"] + source + job.flags)
    try #require(run.status == 0, "\(run.messages)")
    let found = try output()
    #expect(found.frames == job.frames)
    // As published, the first frame is dropped.
    let dropped = job.flags.contains("published") ? 1 / job.rate : 0
    let expected = beep - dropped
    #expect(
      abs(found.beep - expected) * job.rate < 0.1, "\(found.beep) s instead of \(expected) s")
  }

  @Test(arguments: [
    Job(frames: 50), Job(flags: ["--max-frames", "38"], frames: 38),
    Job(flags: ["--length", "published"], frames: 48),
    Job(flags: ["--length", "published", "--max-frames", "40"], frames: 36),
  ])
  func featuresOfAFileGoWithTheSoundOfTheVideo(job: Job) async throws {
    try await check(job, source: ["--features", features(), "--driven-video", video()])
  }

  @Test(arguments: [
    Job(frames: 50), Job(flags: ["--length", "published"], frames: 48),
    Job(flags: ["--fps", "15"], rate: 15, frames: 25),
    Job(flags: ["--fps", "60", "--max-frames", "70"], rate: 60, frames: 70),
    Job(flags: ["--fps", "15", "--length", "published"], rate: 15, frames: 24),
    Job(flags: ["--fps", "25", "--length", "published"], rate: 25, frames: 40),
  ])
  func aVideoGoesWithItsSoundAtAnyRate(job: Job) async throws {
    try await check(job, source: ["--driven-video", video()])
  }

  /// Sound that is coded anew, and sound that begins three frames before the pictures.
  @Test func otherCodecsAndStartsStayInStep() async throws {
    let pcm = try video("pcm.mkv", ["-c:a", "pcm_s16le"])
    try await check(Job(frames: 50), source: ["--driven-video", pcm])
    let early = folder.file("early.mkv")
    try TestProgram.ffmpeg(
      ["-i", pcm, "-itsoffset", "\(-3 / Self.rate)", "-i", pcm, "-map", "0:v", "-map", "1:a"]
        + ["-c", "copy", early])
    try await check(
      Job(frames: 50), source: ["--driven-video", early], beep: Double(Self.beep - 3) / Self.rate)
  }
}
