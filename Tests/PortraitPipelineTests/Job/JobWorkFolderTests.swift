import Foundation
import OutputFiles
import PortraitPipeline
import TestSupport
import Testing

/// What a job keeps, what of it it uses again, and whose files it leaves alone.
///
/// One at a time: each computes on several threads, and others wait for their turn beside them.
@Suite(.serialized) struct JobWorkFolderTests {
  private let tiny: TinyJob
  private let work: String

  init() throws {
    tiny = try TinyJob()
    work = tiny.folder.file("work")
  }

  private func request(
    _ output: String = "out.mp4", _ change: (inout JobParameters) -> Void = { _ in }
  ) -> JobRequest {
    var request = tiny.request(output, change)
    request.workFolder = work
    return request
  }

  private func refusal(_ request: JobRequest) -> (any Error)? {
    do {
      try tiny.run(request)
      return nil
    } catch { return error }
  }

  // MARK: Changes

  /// Something of a job that changes between two runs.
  enum Change: String, CaseIterable {
    case prompt, negativePrompt, negativePromptInUse, seed, steps, sampler, shift, window, overlap
    case image, sameImageElsewhere, features, frames, length, size, arithmetic, quality, tiling
    case textScale, expressionScale, expressionStrength, skip, riflex, generator, tinyVAE
    case transformer, textEncoder, imageEncoder, vae, portraitEncoder, tokenizer, nothing

    /// The stages that are kept; what comes before one of them is not looked at.
    var kept: [JobStage] {
      switch self {
      case .prompt, .negativePromptInUse, .textEncoder, .tokenizer: [.image, .condition]
      case .seed, .steps, .sampler, .shift, .overlap, .features, .frames, .length, .transformer,
        .portraitEncoder, .textScale, .expressionScale, .expressionStrength, .skip, .riflex,
        .generator:
        [.text, .image, .condition]
      case .window: [.text, .image]
      case .image, .size: [.text]
      case .imageEncoder: [.text, .condition]
      case .vae, .tiling: [.text, .image]
      case .arithmetic: []
      case .quality, .tinyVAE: [.denoising]
      case .nothing, .negativePrompt, .sameImageElsewhere: [.denoising, .decoding]
      }
    }

    /// What the user reads.
    var name: String? {
      switch self {
      case .prompt: "--prompt"
      case .negativePromptInUse: "--negative-prompt"
      case .seed: "--seed"
      case .steps: "--num-inference-steps"
      case .sampler: "--sampler"
      case .shift: "--shift"
      case .window: "--context-size"
      case .overlap: "--context-overlap"
      case .image: "--image"
      case .features: "--features"
      case .frames: "--max-frames"
      case .length: "--length"
      case .size: "size"
      case .arithmetic: "--dtype"
      case .quality: "--crf"
      case .tiling: "--tile-vae"
      case .textScale: "--text-cfg-scale"
      case .expressionScale: "--emo-cfg-scale"
      case .expressionStrength: "--ip-scale"
      case .skip: "--cfg-skip-ratio"
      case .riflex: "--riflex-k"
      case .generator: "--rng"
      case .tinyVAE: "--tiny-vae"
      case .transformer: "transformer"
      case .textEncoder, .tokenizer: "text encoder"
      case .imageEncoder: "image encoder"
      case .vae: "VAE"
      case .portraitEncoder: "portrait encoder"
      case .nothing, .negativePrompt, .sameImageElsewhere: nil
      }
    }

    /// The file of a checkpoint whose time changes, as it does when another one is put there.
    var file: String? {
      switch self {
      case .transformer: "FlashPortrait/transformer.pt"
      case .portraitEncoder: "FlashPortrait/portrait_encoder.pt"
      case .textEncoder: "Wan2.1-I2V-14B-720P/models_t5_umt5-xxl-enc-bf16.pth"
      case .tokenizer: "Wan2.1-I2V-14B-720P/google/umt5-xxl/spiece.model"
      case .imageEncoder:
        "Wan2.1-I2V-14B-720P/models_clip_open-clip-xlm-roberta-large-vit-huge-14.pth"
      case .vae: "Wan2.1-I2V-14B-720P/Wan2.1_VAE.pth"
      default: nil
      }
    }

    func apply(to parameters: inout JobParameters) {
      switch self {
      case .prompt: parameters.prompt = "A man listens"
      case .negativePrompt, .negativePromptInUse: parameters.negativePrompt = "dark"
      case .seed: parameters.seed += 1
      case .steps: parameters.steps = 2
      case .sampler: parameters.sampler = .flow
      case .shift: parameters.shift = 3
      case .window: parameters.contextSize = 4
      case .overlap: parameters.contextOverlap = 2
      case .frames: parameters.frameLimit = 18
      case .length: parameters.length = .published
      case .size: parameters.size = PictureSize(width: 48, height: 32)
      case .arithmetic: parameters.arithmetic = .f32
      case .quality: parameters.quality = 30
      case .tiling: parameters.tilesVAE = true
      case .textScale: parameters.textScale = 2
      case .expressionScale: parameters.expressionScale = 3
      case .expressionStrength: parameters.expressionStrength = 0.5
      case .skip: parameters.guidanceSkip = 0.5
      case .riflex: parameters.riflexIndex = 2
      case .generator: parameters.noise = .cuda
      case .tinyVAE: parameters.usesTinyVAE = true
      default: break
      }
    }
  }

  @Test(arguments: Change.allCases)
  func whatAChangeConcernsStartsAfresh(change: Change) throws {
    func base(_ parameters: inout JobParameters) {
      parameters.textScale = [.negativePromptInUse, .textScale].contains(change) ? 3 : 1
    }
    try tiny.run(request("before.mp4", base))
    func changed(_ output: String) throws -> JobRequest {
      var changed = request(output) {
        base(&$0)
        change.apply(to: &$0)
      }
      if change == .sameImageElsewhere {
        changed.image = tiny.folder.file("elsewhere.png")
        try Data(contentsOf: URL(fileURLWithPath: tiny.image))
          .write(to: URL(fileURLWithPath: changed.image))
      }
      return changed
    }
    let features = tiny.folder.file("features.safetensors")
    if change == .features { try TinyJob.writeFeatures(features, frames: 20, seed: 9) }
    if change == .image { try TinyJob.writePicture(tiny.image, seed: 9) }
    if let file = change.file {
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSince1970: 1_000_000)],
        ofItemAtPath: "\(tiny.checkpoints)/\(file)")
    }
    let told = try tiny.told(changed("after.mp4"))
    #expect(told.kept == change.kept)
    #expect(!told.begun.contains { change.kept.contains($0) })
    if let name = change.name {
      #expect(told.notes.contains { $0.contains(name) }, "\(told.notes)")
      #expect(told.notes.allSatisfy { $0.hasPrefix(work) && $0.contains("starting over") })
    } else {
      #expect(told.notes.isEmpty, "\(told.notes)")
    }
    var fresh = try changed("fresh.mp4")
    fresh.workFolder = nil
    try tiny.run(fresh)
    #expect(try tiny.contents(changed("after.mp4")) == tiny.contents(fresh))
  }

  @Test func withoutResumingAllIsMadeAgain() throws {
    try tiny.run(request("before.mp4"))
    var again = request("after.mp4")
    again.resumes = false
    let told = try tiny.told(again)
    #expect(told.kept.isEmpty && told.notes.isEmpty)
    #expect(told.begun == [.text, .image, .condition, .denoising, .decoding, .joining])
    #expect(try tiny.contents(again) == tiny.contents(request("before.mp4")))
  }

  // MARK: Damage

  enum Damage: CaseIterable { case deleted, emptied, cutShort, garbage, otherFile }

  /// Whatever became of a file of the work folder, the job ends with the right bytes.
  @Test(arguments: Damage.allCases)
  func damagedFilesAreMadeAgain(damage: Damage) throws {
    let before = request("before.mp4")
    try tiny.run(before)
    let expected = try tiny.contents(before)
    let names = try FileManager.default.subpathsOfDirectory(atPath: work)
      .filter { $0.contains(".") }.sorted()
    // The estimate of a step is written where the step took long enough.
    #expect(
      names.filter { !$0.hasPrefix("estimate") } == [
        "condition.safetensors", "flashportrait.lock", "image.safetensors", "latents.safetensors",
        "text.safetensors", "video/decoder.safetensors", "video/piece-00000.mp4",
      ])
    for (number, name) in names.enumerated() {
      try destroy("\(work)/\(name)", damage)
      // The later files would keep the job from looking at the earlier ones.
      if ["text", "image", "condition"].contains(where: name.hasPrefix) {
        try FileManager.default.removeItem(atPath: "\(work)/latents.safetensors")
      }
      let again = request("after-\(number).mp4")
      try tiny.run(again)
      #expect(try tiny.contents(again) == expected, "\(name)")
    }
  }

  private func destroy(_ path: String, _ damage: Damage) throws {
    let place = URL(fileURLWithPath: path)
    let bytes = try Data(contentsOf: place)
    switch damage {
    case .deleted: try FileManager.default.removeItem(at: place)
    case .emptied: try Data().write(to: place)
    case .cutShort: try bytes.prefix(bytes.count / 2).write(to: place)
    case .garbage:
      var generator = SeededGenerator(seed: UInt64(bytes.count))
      try Data((0..<bytes.count).map { _ in UInt8.random(in: 0...255, using: &generator) })
        .write(to: place)
    case .otherFile:
      try FileManager.default.removeItem(at: place)
      try FileManager.default.copyItem(
        atPath: tiny.folder.file("features.safetensors"), toPath: path)
    }
  }

  // MARK: Others

  @Test func twoRunsDoNotShareAFolder() throws {
    let request = request()
    var refused: (any Error)?
    try tiny.run(request) { event in
      if case .began(.decoding, _, _) = event { refused = refusal(self.request("second.mp4")) }
    }
    #expect(refused as? PipelineError == .workFolderBusy(path: work))
    #expect(try tiny.contents(request) == tiny.undisturbed())
    #expect(refusal(self.request("third.mp4")) == nil)
  }

  @Test func theFolderGoesUnlessItWasGiven() throws {
    try tiny.run(tiny.request("a.mp4"))
    #expect(!tiny.exists(tiny.folder.file("a.mp4.work")))
    try tiny.run(request("b.mp4"))
    #expect(tiny.exists("\(work)/latents.safetensors"))
  }

  /// What somebody else has put there stays, and so does the folder.
  @Test func filesOfOthersStay() throws {
    let request = tiny.request("a.mp4")
    try tiny.run(request) { event in
      guard case .began(.joining, _, _) = event else { return }
      for name in ["notes.txt", "video/mine.mp4", "preview-step-mine.png"] {
        try Data([1]).write(to: URL(fileURLWithPath: "\(request.output).work/\(name)"))
      }
    }
    let left = try FileManager.default.subpathsOfDirectory(atPath: "\(request.output).work")
    #expect(left.sorted() == ["notes.txt", "preview-step-mine.png", "video", "video/mine.mp4"])
  }

  /// A folder that is given may hold what no job has made, under the names of ours.
  @Test(arguments: ["features.safetensors", "video/film.mp4", "latents.safetensors"])
  func filesOfOthersAreNotReplaced(name: String) throws {
    let path = "\(work)/\(name)"
    try FileManager.default.createDirectory(
      atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path,
      withIntermediateDirectories: true)
    let features = try Data(
      contentsOf: URL(fileURLWithPath: tiny.folder.file("features.safetensors")))
    try features.write(to: URL(fileURLWithPath: path))
    for resumes in [true, false] {
      var request = request()
      request.resumes = resumes
      let first = String(name.prefix { $0 != "/" })
      #expect(refusal(request) as? PipelineError == .noWorkFolder(path: work, file: first))
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == features)
      #expect(!tiny.exists("\(work)/flashportrait.lock") && !tiny.exists(request.output))
    }
  }

  @Test func outputsThatCannotBeWrittenAreRefusedFirst() throws {
    let file = try tiny.folder.write([1], to: "there.mp4")
    try #require(mkfifo(tiny.folder.file("pipe.mp4"), 0o600) == 0)
    for (name, overwrites) in [("there.mp4", false), ("pipe.mp4", false), ("pipe.mp4", true)] {
      var request = tiny.request(name)
      request.overwrites = overwrites
      #expect(refusal(request) is OutputError)
      #expect(!tiny.exists(request.output + ".work"))
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == Data([1]))
    for place in ["there.mp4", "there.mp4/work"] {
      var request = tiny.request("new.mp4")
      request.workFolder = tiny.folder.file(place)
      #expect(refusal(request) is OutputError)
    }
  }

  // MARK: Room

  @Test func aJobWithoutRoomIsRefused() throws {
    let request = request()
    var plan = try tiny.job(request).plan
    plan.disk = 1_000_000
    try plan.checkDisk(output: request.output) { _ in 1_000_000 }
    #expect(
      throws: OutputError.diskFull(path: work, needed: 1_000_000, available: 999_999)
    ) { try plan.checkDisk(output: request.output) { _ in 999_999 } }
    // What an earlier run has left is not needed again.
    try FileManager.default.createDirectory(
      atPath: "\(work)/video", withIntermediateDirectories: true)
    for (name, size) in [("latents.safetensors", 600), ("video/piece-00000.mp4", 30), ("x", 5)] {
      try Data(count: size).write(to: URL(fileURLWithPath: "\(work)/\(name)"))
    }
    #expect(
      throws: OutputError.diskFull(path: work, needed: 999_370, available: 999_369)
    ) { try plan.checkDisk(output: request.output) { _ in 999_369 } }
    try plan.checkDisk(output: request.output) { _ in 999_370 }
  }
}
