import Checkpoints
import Diffusion
import TensorCore

/// The latents and all that the rest of the denoising depends on, in the work folder.
package struct DenoisingRecord {
  private let folder: WorkFolder
  private let fingerprint: Fingerprint

  private static let stepKey = "step"
  private static let windowKey = "window"
  private static let latents = "latents"

  init(_ folder: WorkFolder, _ fingerprint: Fingerprint) {
    self.folder = folder
    self.fingerprint = fingerprint
  }

  /// The state that an earlier run has kept.
  ///
  /// - Throws: `DiffusionError.incompleteState`, `TensorError`.
  func kept(windowCount: Int) throws -> DenoisingState? {
    guard let file = folder.kept(JobFile.latents.rawValue, fingerprint),
      let (step, window) = Self.place(in: file)
    else { return nil }
    let tensors = try file.entries.map { ($0.name, try file.tensor($0.name)) }
    return try DenoisingState(
      step: step, window: window, windowCount: windowCount,
      tensors: Dictionary(uniqueKeysWithValues: tensors))
  }

  /// Steps that are done, and windows of the step in hand, as the file of the latents tells them;
  /// nil for another file.
  package static func place(in file: any TensorFile) -> (step: Int, window: Int)? {
    guard let step = file.metadata[stepKey].flatMap({ Int($0) }),
      let window = file.metadata[windowKey].flatMap({ Int($0) })
    else { return nil }
    return (step, window)
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

  /// Writes the state in the place of the one before.
  ///
  /// - Throws: `OutputError`, `TensorError`.
  func write(_ state: DenoisingState) throws {
    try folder.write(
      JobFile.latents.rawValue, state.tensors, fingerprint,
      metadata: [Self.stepKey: "\(state.step)", Self.windowKey: "\(state.window)"])
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
