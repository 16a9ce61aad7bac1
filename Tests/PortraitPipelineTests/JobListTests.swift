import Foundation
import PortraitPipeline
import TestSupport
import Testing

@Suite struct JobListTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(_ text: String) throws -> JobList {
    try JobList(path: folder.write(Array(text.utf8), to: "jobs.yaml"))
  }

  @Test func jobsTakeWhatTheDefaultsSay() throws {
    let list = try read(
      """
      defaults:
        image: p.png
        max_size: 512
        num_inference_steps: 4
        transformer_path: /models/t.pt
      jobs:
        - driven_video: talk.mp4
          output: out/a.mp4
        - name: second
          features: /abs/f.safetensors
          save_path: out
          image: ../other.png
          width: 64
          height: 32
          seed: 7
          num_inference_steps: null
      """)
    let path = folder.path
    #expect(list.path == folder.file("jobs.yaml") && list.jobs.map(\.number) == [1, 2])
    #expect(list.jobs.map(\.name) == ["a.mp4", "second"])
    #expect(list.jobs.map(\.image) == ["\(path)/p.png", "\(path)/../other.png"])
    #expect(
      list.jobs.map(\.source) == [
        .video("\(path)/talk.mp4"), .features("/abs/f.safetensors", soundFrom: nil),
      ])
    #expect(list.jobs.map(\.output) == ["\(path)/out/a.mp4", "\(path)/out/other-f.mp4"])
    #expect(list.defaults.maxSize == 512)
    var parameters = JobParameters()
    list.jobs[0].configuration.apply(to: &parameters)
    #expect(parameters.maxSize == 512 && parameters.size == nil && parameters.steps == 4)
    parameters = JobParameters()
    list.jobs[1].configuration.apply(to: &parameters)
    #expect(parameters.size == PictureSize(width: 64, height: 32) && parameters.steps == 4)
    #expect(parameters.seed == 7)
    // A job's window is its own, by whichever name.
    let windows = try read(
      """
      defaults: {context_size: 51, image: a, driven_video: b}
      jobs: [{sub_num_frames: 25, output: a.mp4}, {output: b.mp4}]
      """)
    #expect(windows.jobs.map(\.configuration.contextSize) == [7, 51])
  }

  /// A job that names a video does not keep the features of the defaults.
  @Test func whatDrivesAJobIsItsOwn() throws {
    let list = try read(
      """
      defaults: {image: a.png, features: f.safetensors, driven_video: sound.mp4}
      jobs: [{driven_video: v.mp4, output: a.mp4}, {output: b.mp4}]
      """)
    #expect(
      list.jobs.map(\.source) == [
        .video(folder.file("v.mp4")),
        .features(folder.file("f.safetensors"), soundFrom: folder.file("sound.mp4")),
      ])
  }

  @Test func pathsOfAListInTheCurrentFolderStayShort() throws {
    let name = "flashportrait-jobs-\(UUID().uuidString).yaml"
    try Data("jobs: [{image: a.png, driven_video: b.mp4, output: c.mp4}]".utf8)
      .write(to: URL(fileURLWithPath: name))
    defer { unlink(name) }
    #expect(try JobList(path: name).jobs.map(\.output) == ["./c.mp4"])
  }

  private static let job = "{image: a, driven_video: b, output: c.mp4}"

  @Test(arguments: [
    ("jobs: []", ": 'jobs': expected 1 to 10000 jobs, found 0"),
    ("defaults: {seed: 1}", ": 'jobs': expected 1 to 10000 jobs, found 0"),
    ("", ": expected keys with values, found nothing"),
    ("- \(job)", ": expected keys with values, found a list"),
    ("jobs: 3", ":1: 'jobs': expected a list, found 3"),
    ("job: []", ":1: unknown key 'job'; did you mean 'jobs'?"),
    ("seed: 1\njobs: []", ":1: unknown key 'seed'"),
    ("defaults: {sede: 1}", ":1: unknown key 'defaults.sede'"),
    (
      "defaults: {seed: x}\njobs: []",
      ":1: 'defaults.seed': expected a whole number, 0 to 18446744073709551614, found the text \"x\""
    ),
    ("jobs:\n  - \(job)\n  - 7", ":3: job 2: expected keys with values, found 7"),
    (
      "jobs:\n  - {driven_video: b, output: c.mp4}",
      ":2: job 1: 'image': expected a picture, found nothing"
    ),
    (
      "jobs:\n  - {image: b, output: c.mp4}",
      ":2: job 1: 'driven_video': expected a video, or 'features', found nothing"
    ),
    (
      "jobs:\n  - {image: b, driven_video: c}",
      ":2: job 1: 'output': expected an MP4 file, found nothing"
    ),
    (
      "jobs:\n  - \(job)\n  - image: a\n    emo_cfg_scale: big",
      ":4: job 2: 'emo_cfg_scale': expected a number, 0 to 100, found the text \"big\""
    ),
    (
      "jobs:\n  - image: a\n    sampler_nam: Flow",
      ":3: job 1: unknown key 'sampler_nam'; did you mean 'sampler_name'?"
    ),
    (
      "jobs:\n  - image: a\n    transformer: t.pt",
      ":3: job 1: 'transformer': expected it under 'defaults', for all jobs have the same networks, found it in a job"
    ),
    (
      "jobs:\n  - vae_kwargs: {use_tiling_vae: true}",
      ":2: job 1: 'vae_kwargs': expected it under 'defaults', for all jobs have the same networks, found it in a job"
    ),
    ("jobs:\n  - {name: [1]}", ":2: job 1: 'name': expected a text, found a list"),
  ])
  func listsThatAreRefused(text: String, message: String) throws {
    let error = #expect(throws: PipelineError.self) { try read(text) }
    #expect(error?.description == folder.file("jobs.yaml") + message)
  }

  @Test func twoJobsDoNotWriteOneFile() throws {
    let error = #expect(throws: PipelineError.self) {
      try read(
        """
        jobs:
          - {image: a, driven_video: b, output: out/c.mp4}
          - {image: a, driven_video: b, output: d.mp4}
          - {image: a, driven_video: b, output: ./out/../out/c.mp4}
        """)
    }
    #expect(
      error?.description
        == "\(folder.file("jobs.yaml")):4: job 3: 'output': expected another file than job 1 writes, "
        + "found \(folder.path)/./out/../out/c.mp4")
  }

  @Test func manyJobs() throws {
    let jobs = (0..<10_000).map { "  - {image: a, driven_video: b, output: \($0).mp4}\n" }
    #expect(try read("jobs:\n" + jobs.joined()).jobs.count == 10_000)
    #expect(throws: PipelineError.self) { try read("jobs:\n" + (jobs + jobs).joined()) }
  }
}
