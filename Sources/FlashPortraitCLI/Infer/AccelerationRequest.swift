import Checkpoints
import Diffusion
import Foundation
import PortraitPipeline

/// What is asked for to make a job faster: flags, files, and what else the flags say that bears on it.
package struct AccelerationRequest: Sendable, Equatable {
  /// Whether all is chosen that the checkpoints allow (`fast-infer`), or only what is asked for
  /// (`infer`).
  package var choosesByItself = true
  package var flags = AccelerationSettings()
  package var files = AccelerationSettings()

  /// `--num-inference-steps`, and the same of a file.
  package var steps: Int?
  package var stepsOfFile: Int?
  /// `--sampler`, and the same of a file.
  package var sampler: SamplerKind?
  package var samplerOfFile: SamplerKind?
  /// `--tiny-vae` or `--no-tiny-vae`, and the same of a file.
  package var usesTinyVAE: Bool?
  package var usesTinyVAEOfFile: Bool?
  /// Whether the VAE runs in tiles, by either.
  package var tilesVAE = false

  package init() {}

  // MARK: Flags

  /// What the flags ask for, and the first one that does.
  ///
  /// - Throws: `CommandError.usage` where one asks for something else than another.
  package func kindOfFlags() throws -> (kind: AccelerationKind, flag: String)? {
    let all = hints
    guard let first = all.first else { return nil }
    if let other = all.first(where: { $0.kind != first.kind }) {
      throw Self.contradiction(first.flag, other.flag)
    }
    if flags.caches == false, first.kind == .teaCache {
      throw Self.contradiction(first.flag, "--no-teacache")
    }
    return first
  }

  /// The flags that only one kind takes, with that kind.
  private var hints: [(kind: AccelerationKind, flag: String)] {
    let given: [(AccelerationKind, String, Bool)] = [
      (flags.kind ?? .none, "--acceleration \(flags.kind?.rawValue ?? "")", flags.kind != nil),
      (.teaCache, "--teacache", flags.caches == true),
      (.teaCache, "--teacache-threshold", flags.threshold != nil),
      (.teaCache, "--teacache-start-steps", flags.startSteps != nil),
      (.prediction, "--alp-interval", flags.interval != nil),
      (.prediction, "--alp-order", flags.order != nil),
      (.prediction, "--alp-series", flags.series != nil),
      (.prediction, "--alp-clock", flags.clock != nil),
      (.prediction, "--alp-alpha", flags.alpha != nil),
      (.prediction, "--alp-\(flags.isDynamic == true ? "" : "no-")dynamic", flags.isDynamic != nil),
      (.distillation, "--distill-steps", flags.distilledSteps != nil),
    ]
    return given.filter(\.2).map { ($0.0, $0.1) }
  }

  private static func contradiction(_ flag: String, _ other: String) -> CommandError {
    .usage("\(flag) and \(other) contradict each other")
  }

  /// The flag that a model of so many steps cannot take, and what it has instead.
  private func obstacle(toSteps count: Int) -> (flag: String, instead: String)? {
    if let steps, steps != count {
      return ("--num-inference-steps \(steps)", "\(count) steps")
    }
    if let sampler, sampler != .flow {
      return ("--sampler \(sampler.rawValue)", "a sampler of its own")
    }
    return nil
  }

  // MARK: Choice

  /// - Parameter checkpoints: what is there.
  /// - Throws: `CommandError.usage` for what contradicts itself; `CheckpointError.unreadable` for a
  ///   file that was asked for and is not there.
  package func choice(from checkpoints: AcceleratingCheckpoints) throws -> AccelerationChoice {
    guard choosesByItself else { return try choiceOfAllSteps() }
    let settings = flags.over(files)
    let steps = settings.distilledSteps ?? AccelerationSettings.publishedSteps
    let (kind, reason) = try chosenKind(checkpoints, steps: steps.count)
    var choice = AccelerationChoice(kind: kind, reason: reason)
    switch kind {
    case .none: break
    case .prediction: choice.prediction = settings.prediction
    case .teaCache: choice.teaCache = settings.teaCache
    case .distillation:
      choice.distilledSteps = steps
      choice.adapter = ModelAdapter(
        path: checkpoints.adapter.path, weight: settings.adapterWeight ?? 1,
        rules: .stepDistillation)
      choice.notes = unused(besides: steps.count)
    }
    (choice.usesTinyVAE, choice.tinyVAEReason) = try tinyVAE(checkpoints.tinyVAE)
    return choice
  }

  /// For a command that runs all steps.
  private func choiceOfAllSteps() throws -> AccelerationChoice {
    let caches = flags.caches ?? files.caches ?? false
    guard caches else {
      if let flag = try kindOfFlags()?.flag {
        throw CommandError.usage("\(flag): give --teacache too, or leave this out")
      }
      return AccelerationChoice(kind: .none, reason: "infer")
    }
    var choice = AccelerationChoice(
      kind: .teaCache, reason: flags.caches == true ? "--teacache" : "enable_teacache: true")
    choice.teaCache = flags.over(files).teaCache
    return choice
  }

  private func chosenKind(
    _ checkpoints: AcceleratingCheckpoints, steps count: Int
  ) throws -> (AccelerationKind, reason: String) {
    let asked = try kindOfFlags() ?? kindOfFiles
    let obstacle = obstacle(toSteps: count)
    if let asked {
      guard asked.kind == .distillation else { return (asked.kind, asked.flag) }
      if let obstacle {
        throw CommandError.usage(
          "\(obstacle.flag): the \(count)-step LoRA (\(asked.flag)) has \(obstacle.instead); leave "
            + "this out, or give --acceleration alp")
      }
      try requireAdapter(checkpoints, because: asked.flag)
      return (asked.kind, asked.flag)
    }
    if files.distills == false { return (.prediction, "enable_step_distill: false") }
    if checkpoints.adapter.isNamed {
      try requireAdapter(checkpoints, because: "step_distill_lora_path")
    }
    guard checkpoints.adapter.isThere else {
      return (.prediction, "no \(checkpoints.adapter.path)")
    }
    if let flag = obstacle?.flag { return (.prediction, "\(flag) is not for the LoRA") }
    return (.distillation, "\(checkpoints.adapter.path) is there")
  }

  private func requireAdapter(
    _ checkpoints: AcceleratingCheckpoints, because flag: String
  ) throws {
    guard !checkpoints.adapter.isThere else { return }
    throw CheckpointError.unreadable(
      path: checkpoints.adapter.path,
      reason:
        "no such file; it holds the 4-step LoRA, which \(flag) asks for: download it, or give "
        + "--acceleration alp")
  }

  private var kindOfFiles: (kind: AccelerationKind, flag: String)? {
    if let kind = files.kind { return (kind, "acceleration: \(kind.rawValue)") }
    if files.distills == true { return (.distillation, "enable_step_distill: true") }
    // A flag wins over the file.
    if files.caches == true, flags.caches != false { return (.teaCache, "enable_teacache: true") }
    return nil
  }

  /// What files say that a model of a few steps does not take.
  private func unused(besides count: Int) -> [String] {
    var notes: [String] = []
    if steps == nil, let stepsOfFile, stepsOfFile != count {
      notes.append(
        "num_inference_steps: \(stepsOfFile) is not used: the \(count)-step LoRA has \(count)")
    }
    if sampler == nil, let samplerOfFile, samplerOfFile != .flow {
      notes.append(
        "sampler_name: \(samplerOfFile.rawValue) is not used: the \(count)-step LoRA has its own")
    }
    if files.caches == true, flags.caches == nil {
      notes.append("enable_teacache: true is not used beside the \(count)-step LoRA")
    }
    return notes
  }

  private func tinyVAE(
    _ file: AcceleratingCheckpoints.File
  ) throws -> (Bool, reason: String) {
    let asked =
      usesTinyVAE.map { ($0, $0 ? "--tiny-vae" : "--no-tiny-vae") }
      ?? usesTinyVAEOfFile.map { ($0, "use_tiny_vae: \($0)") }
    if let asked {
      if asked.0 && !file.isThere {
        throw CheckpointError.unreadable(
          path: file.path,
          reason: "no such file; it holds the tiny VAE, which \(asked.1) asks for: download it, or "
            + "give --no-tiny-vae")
      }
      return asked
    }
    if tilesVAE { return (false, "the VAE runs in tiles") }
    return file.isThere ? (true, "\(file.path) is there") : (false, "no \(file.path)")
  }
}

/// The files that make jobs faster.
package struct AcceleratingCheckpoints: Sendable, Equatable {
  /// Where a file is, or would be.
  package struct File: Sendable, Equatable {
    package var path: String
    package var isThere: Bool
    /// Whether a file of the user's says that it is there.
    package var isNamed: Bool

    package init(_ path: String, isThere: Bool, isNamed: Bool = false) {
      self.path = path
      self.isThere = isThere
      self.isNamed = isNamed
    }
  }

  /// The step-distillation LoRA.
  package var adapter: File
  package var tinyVAE: File

  package init(adapter: File, tinyVAE: File) {
    self.adapter = adapter
    self.tinyVAE = tinyVAE
  }

  /// - Parameter adapter: the path of one that a file names.
  /// - Throws: `CheckpointError`.
  init(_ models: ModelFolder, adapter: String? = nil) throws {
    func file(_ part: CheckpointLayout.Part) throws -> File {
      guard models.has(part) else {
        return File("\(models.path)/\(CheckpointLayout.item(part).path)", isThere: false)
      }
      return File(try models.path(of: part), isThere: true)
    }
    self.adapter =
      try adapter.map { path in
        File(path, isThere: FileManager.default.fileExists(atPath: path), isNamed: true)
      } ?? file(.adapter)
    tinyVAE = try file(.tinyVAE)
  }
}
