import Foundation
import Layers
import Synchronization
import TensorCore
import TestSupport

/// A file of the golden folder, and what is to be done with it.
struct GoldenCase: Sendable, CustomStringConvertible {
  enum Task: Sendable {
    /// Compare at this level, in this arithmetic.
    case run(InstructionSet, Arithmetic)
    /// Nothing yet: step `step` builds what is compared.
    case pending(step: Int)
    /// Nothing, at this level and in this arithmetic alone.
    case leaveOut(InstructionSet, Arithmetic, reason: String)
    /// Fail: the file cannot be run.
    case refuse(reason: String)
  }

  let path: String

  /// The case's kind, empty where the file does not tell.
  let kind: String
  let task: Task

  var isPending: Bool {
    if case .pending = task { true } else { false }
  }

  var isLeftOut: Bool {
    if case .leaveOut = task { true } else { false }
  }

  var name: String { URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent }

  var description: String {
    switch task {
    case .run(let level, let arithmetic): "\(name), \(level.rawValue), \(arithmetic.rawValue)"
    case .leaveOut(let level, let arithmetic, let reason):
      "\(name), \(level.rawValue), \(arithmetic.rawValue): left out, \(reason)"
    case .pending(let step): "\(name), pending until step \(step)"
    case .refuse: "\(name), cannot be run"
    }
  }
}

/// A folder of golden files, and what this suite can do with them.
struct GoldenFolder: Sendable {
  enum Failure: Error, Equatable, CustomStringConvertible {
    case unreadable(folder: String, reason: String)
    case empty(folder: String)

    var description: String {
      switch self {
      case .unreadable(let folder, let reason): "golden folder \(folder): \(reason)"
      case .empty(let folder): "golden folder \(folder): no .safetensors file"
      }
    }
  }

  var path: String
  var kinds = goldenKinds
  var pendingKinds = pendingGoldenKinds
  var instructionSets = InstructionSet.tested

  /// `FLASHPORTRAIT_GOLDEN`, else the copies beside the tests; at every level that can be tested,
  /// unless `FLASHPORTRAIT_ISA` names one.
  static let chosen: GoldenFolder = {
    let environment = ProcessInfo.processInfo.environment
    var folder = GoldenFolder(
      path: environment["FLASHPORTRAIT_GOLDEN"]
        ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Goldens").path)
    if let name = environment["FLASHPORTRAIT_ISA"],
      let level = InstructionSet(rawValue: name.lowercased())
    {
      folder.instructionSets = [level]
    }
    return folder
  }()

  /// The `.safetensors` files, by name.
  ///
  /// - Throws: `Failure`: a suite without a case would pass for the wrong reason.
  func files() throws -> [String] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw Failure.unreadable(folder: path, reason: "\(error.localizedDescription)")
    }
    let files = names.filter { $0.hasSuffix(".safetensors") }.sorted()
    guard !files.isEmpty else { throw Failure.empty(folder: path) }
    return files.map { path + "/" + $0 }
  }

  /// Every file in every way that its kind can be run, at least one case for each file.
  ///
  /// - Throws: `Failure`.
  func cases() throws -> [GoldenCase] { try files().flatMap(cases(of:)) }

  private func cases(of file: String) -> [GoldenCase] {
    let golden: Golden
    do {
      golden = try Golden(path: file)
    } catch {
      return [GoldenCase(path: file, kind: "", task: .refuse(reason: "\(error)"))]
    }
    let kind = golden.kind
    func tasks() -> [GoldenCase.Task] {
      switch (kinds[kind], pendingKinds[kind]) {
      case (let known?, nil):
        return instructionSets.flatMap { level in
          known.arithmetics.map { task(of: golden, level, $0) }
        }
      case (nil, let step?): return [.pending(step: step)]
      case (_?, _?): return [.refuse(reason: "kind '\(kind)' can be run and is pending: which?")]
      case (nil, nil): return [.refuse(reason: "unknown kind '\(kind)'")]
      }
    }
    return tasks().map { GoldenCase(path: file, kind: kind, task: $0) }
  }

  /// Emulated products run at about 1 GFLOP/s, and only those of bfloat16 are emulated.
  private func task(
    of golden: Golden, _ level: InstructionSet, _ arithmetic: Arithmetic
  ) -> GoldenCase.Task {
    if level.isEmulated, arithmetic == .bf16, let reason = reasonNotToEmulate(golden) {
      return .leaveOut(level, arithmetic, reason: reason)
    }
    return .run(level, arithmetic)
  }

  /// Runs a case and returns what is wrong, a line for each tensor; a case that cannot be run is wrong.
  func differences(of golden: GoldenCase) throws -> [String] {
    switch golden.task {
    case .refuse(let reason): return ["\(golden.path): \(reason)"]
    case .pending, .leaveOut: return ["\(golden): not to be run"]
    case .run(let level, let arithmetic):
      guard let kind = kinds[golden.kind] else { return ["unknown kind '\(golden.kind)'"] }
      let file = try Golden(path: golden.path)
      let execution = Execution(arithmetic: arithmetic, context: try Self.context(at: level))
      let found = try kind.check(file, execution)
      if ProcessInfo.processInfo.environment["FLASHPORTRAIT_GOLDEN_REPORT"] != nil {
        for line in file.report { print("golden \(golden): \(line)") }
      }
      let forgotten = file.notCompared(
        prefixes: arithmetic == .f32 ? ["output.", "state."] : ["output."])
      return found + forgotten.map { "\(file.name), \($0): nothing was compared with it" }
    }
  }

  /// Kinds that are listed both as runnable and as pending.
  var staleKinds: [String] { pendingKinds.keys.filter { kinds[$0] != nil }.sorted() }

  /// One context for each level, not one for each case: threads stay with their pool.
  private static func context(at level: InstructionSet) throws -> ComputeContext {
    try contexts.withLock { contexts in
      if let context = contexts[level] { return context }
      let context = try ComputeContext(
        instructionSet: level, threadCount: Processor.physicalCoreCount)
      contexts[level] = context
      return context
    }
  }

  private static let contexts = Mutex<[InstructionSet: ComputeContext]>([:])
}

/// Why a case is too large for an instruction set that is emulated, nil where it is not: the
/// transformer's block at its real width takes more than two minutes there and half a second on the
/// level below, and so does a sampler's case with both ways of blending. Cases of all kinds at small
/// sizes run there.
func reasonNotToEmulate(_ golden: Golden) -> String? {
  struct Configuration: Decodable {
    struct Model: Decodable {
      let dim: Int?
    }
    let model: Model?
    /// Of a sampler's runs.
    let variants: [String]?
  }
  let configuration = try? golden.configuration(as: Configuration.self)
  if let width = configuration?.model?.dim, width > 1024 {
    return "a width of \(width) is too much for an emulated instruction set"
  }
  if let variants = configuration?.variants, variants.count > 1 {
    return "\(variants.count) variants of whole runs are too much for an emulated instruction set"
  }
  return nil
}
