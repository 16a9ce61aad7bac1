import Foundation
import MediaIO
import PortraitPipeline
import TestSupport
import Testing

/// What comes out of jobs of every length, as others see it.
///
/// One at a time: each computes on several threads, and others wait for their turn beside them.
@Suite(.serialized) struct JobOutputTests {
  private func streams(_ path: String) throws -> [[String: Any]] {
    let found = try TestProgram.ffprobe(path, ["-show_streams", "-count_frames"])
    return found["streams"] as? [[String: Any]] ?? []
  }

  /// One frame; less than a window; windows that do not divide; a last window of its own.
  @Test(arguments: [1, 2, 3, 4, 5, 8, 9, 12, 13, 17, 70])
  func everyLengthWorks(frames: Int) throws {
    let tiny = try TinyJob(frames: frames)
    let request = tiny.request { $0.steps = 1 }
    let outcome = try tiny.run(request)
    #expect(outcome.end == .finished && outcome.frames == frames)
    let streams = try streams(request.output)
    #expect(streams.count == 1)
    #expect(streams.first?["nb_read_frames"] as? String == "\(frames)")
    #expect(streams.first?["r_frame_rate"] as? String == "25/1")
    #expect(streams.first?["start_time"] as? String == "0.000000")
  }

  @Test(arguments: [(4, nil), (5, 4), (9, 8), (11, 8)] as [(Int, Int?)])
  func thePublishedLengthIsCut(frames: Int, expected: Int?) throws {
    let tiny = try TinyJob(frames: frames)
    let request = tiny.request {
      $0.steps = 1
      $0.length = .published
    }
    guard let expected else {
      #expect(throws: PipelineError.self) { try tiny.run(request) }
      return
    }
    #expect(try tiny.run(request).frames == expected)
    #expect(try streams(request.output).first?["nb_read_frames"] as? String == "\(expected)")
  }

  @Test(arguments: [JobParameters.Length.exact, .published])
  func theSoundIsThatOfItsFrames(length: JobParameters.Length) throws {
    let tiny = try TinyJob(frames: 50)
    let video = try TestVideo.make(
      "sound.mp4", in: tiny.folder, source: "testsrc2=s=64x48:r=25:d=2",
      ["-f", "lavfi", "-i", "sine=d=2", "-c:a", "aac", "-shortest"])
    var request = tiny.request {
      $0.steps = 1
      $0.length = length
    }
    request.source = .features(tiny.folder.file("features.safetensors"), soundFrom: video)
    try tiny.run(request)
    let sound = try streams(request.output).first { $0["codec_type"] as? String == "audio" }
    let duration = Double(sound?["duration"] as? String ?? "") ?? 0
    // 48 frames of the published length.
    #expect(abs(duration - (length == .exact ? 2 : 1.92)) < 0.04)
  }

  // MARK: Tags

  private func tags(_ path: String) throws -> [(name: String, value: String)]? {
    let format = try TestProgram.ffprobe(path, ["-show_format"])["format"] as? [String: Any]
    return JobTags.parameters(in: format?["tags"] as? [String: String] ?? [:])
  }

  @Test func theOutputTellsWhatItWasMadeFrom() throws {
    let tiny = try TinyJob(frames: 9)
    let prompt = "\"Sie\" singt;\n\\ = # 微笑 \u{1F600}"
    var request = tiny.request {
      $0.prompt = prompt
      $0.seed = .max
      $0.shift = 0.1 + 0.2
      $0.frameLimit = 8
    }
    request.stopAfterStep = 1
    request.decodesPartial = true
    try tiny.run(request)
    let tags = try #require(try tags(request.output))
    let values = Dictionary(tags.map { ($0.name, $0.value) }) { $1 }
    #expect(values["prompt"] == prompt)
    #expect(values["seed"] == "18446744073709551615")
    #expect(values["shift"].flatMap { Double($0) } == 0.1 + 0.2)
    #expect(values["image"] == "portrait.png" && values["features"] == "features.safetensors")
    #expect(values["max_frames"] == "8" && values["num_inference_steps"] == "3")
    #expect(values["sampler"] == "flow-unipc" && values["stopped_after_step"] == "1")
    #expect(values["width"] == "32" && values["height"] == "32" && values["fps"] == "25")
    #expect(tags.map(\.name) == tags.map(\.name).sorted())
  }

  @Test(arguments: [
    [:], ["comment": "a walk"], ["comment": "{}"], ["comment": "{\"format\": \"other\"}"],
    ["title": "{\"format\": \"flashportrait-job-1\"}"], ["comment": "[1, 2"],
  ])
  func othersVideosTellNothing(tags: [String: String]) {
    #expect(JobTags.parameters(in: tags) == nil)
  }

  /// Configurations may have a rate for videos; features were read at theirs.
  @Test func featuresKeepTheirRate() throws {
    let tiny = try TinyJob()
    let job = try tiny.job(tiny.request { $0.frameRate = Rational(50) })
    #expect(job.plan.frameRate == Rational(25))
  }

  @Test func aLimitOfFramesHoldsForFeatures() throws {
    let tiny = try TinyJob()
    #expect(try tiny.run(tiny.request { $0.frameLimit = 6 }).frames == 6)
  }
}
