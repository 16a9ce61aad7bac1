import Checkpoints
import Diffusion
import Foundation
import TensorCore

/// The latents and all that the rest of the denoising depends on, in the work folder.
package struct DenoisingRecord {
  private let folder: WorkFolder
  private let fingerprint: Fingerprint
  /// What the steps that are not computed are made from.
  let passes: KeptPasses

  private static let stepKey = "step"
  private static let windowKey = "window"
  private static let passesKey = "passes"
  private static let latents = "latents"

  init(_ folder: WorkFolder, _ fingerprint: Fingerprint) {
    self.folder = folder
    self.fingerprint = fingerprint
    passes = KeptPasses(folder, fingerprint)
  }

  /// The state that an earlier run has kept.
  ///
  /// - Throws: `DiffusionError.incompleteState`, `TensorError`.
  func kept(windowCount: Int) throws -> DenoisingState? {
    guard let file = folder.kept(JobFile.latents.rawValue, fingerprint),
      let (step, window) = Self.place(in: file),
      let passes = Self.passes(in: file), passes.count == windowCount
    else { return nil }
    let tensors = try file.entries.map { ($0.name, try file.tensor($0.name)) }
    let state = try DenoisingState(
      step: step, window: window, passes: passes,
      tensors: Dictionary(uniqueKeysWithValues: tensors))
    return self.passes.hasAll(state.keptPasses) ? state : nil
  }

  /// Steps that are done, and windows of the step in hand, as the file of the latents tells them;
  /// nil for another file.
  package static func place(in file: any TensorFile) -> (step: Int, window: Int)? {
    guard let step = file.metadata[stepKey].flatMap({ Int($0) }),
      let window = file.metadata[windowKey].flatMap({ Int($0) })
    else { return nil }
    return (step, window)
  }

  private static func passes(in file: any TensorFile) -> [PassHistory]? {
    file.metadata[passesKey].flatMap {
      try? JSONDecoder().decode([PassHistory].self, from: Data($0.utf8))
    }
  }

  /// The latents of `kept`, in the mapped file.
  ///
  /// - Throws: `PipelineError.nothingKept`.
  func keptLatents() throws -> Tensor { try file(.latents).tensor(Self.latents) }

  /// The estimate of the clean latents, in the mapped file, and the step that it was made after. One
  /// is written with every state that is kept, so it is that of the last whole step; where a run was
  /// killed between the two files, of the step after that.
  ///
  /// - Throws: `PipelineError.nothingKept`.
  func keptEstimate() throws -> (step: Int, latents: Tensor) {
    let file = try file(.estimate)
    guard let step = file.metadata[Self.stepKey].flatMap({ Int($0) }) else {
      throw PipelineError.nothingKept(path: file.path)
    }
    return (step, try file.tensor(Self.latents))
  }

  private func file(_ file: JobFile) throws -> any TensorFile {
    guard let kept = folder.kept(file.rawValue, fingerprint) else {
      throw PipelineError.nothingKept(path: folder.file(file.rawValue))
    }
    return kept
  }

  /// Writes the state in the place of the one before, and forgets passes that it does not need.
  ///
  /// - Throws: `OutputError`, `TensorError`.
  func write(_ state: DenoisingState) throws {
    try folder.write(
      JobFile.latents.rawValue, state.tensors, fingerprint,
      metadata: [
        Self.stepKey: "\(state.step)", Self.windowKey: "\(state.window)",
        Self.passesKey: state.passes.sortedJSON,
      ])
    // Only now: a run that is killed before goes on from the state before, which may need them.
    try passes.keep(only: state.keptPasses)
  }

  /// Writes the estimate of the clean latents after a step.
  ///
  /// - Throws: `OutputError`, `TensorError`.
  func write(estimate: Tensor, step: Int) throws {
    try folder.write(
      JobFile.estimate.rawValue, [(name: Self.latents, tensor: estimate)], fingerprint,
      metadata: [Self.stepKey: "\(step)"])
  }
}
