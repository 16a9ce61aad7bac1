import Checkpoints
import Diffusion
import TensorCore

/// The latents and all that the rest of the denoising depends on, in the work folder.
struct DenoisingRecord {
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
      let step = file.metadata[Self.stepKey].flatMap({ Int($0) }),
      let window = file.metadata[Self.windowKey].flatMap({ Int($0) })
    else { return nil }
    let tensors = try file.entries.map { ($0.name, try file.tensor($0.name)) }
    return try DenoisingState(
      step: step, window: window, windowCount: windowCount,
      tensors: Dictionary(uniqueKeysWithValues: tensors))
  }

  /// Steps that an earlier run has done; nil where there is none.
  var keptSteps: Int? {
    folder.kept(JobFile.latents.rawValue, fingerprint)
      .flatMap { $0.metadata[Self.stepKey].flatMap { Int($0) } }
  }

  /// The latents of `kept`, in the mapped file.
  ///
  /// - Throws: `PipelineError.nothingKept`.
  func keptLatents() throws -> Tensor { try tensor(in: .latents) }

  /// The estimate of the clean latents after the last whole step, in the mapped file.
  ///
  /// - Throws: `PipelineError.nothingKept`.
  func keptEstimate() throws -> Tensor { try tensor(in: .estimate) }

  private func tensor(in file: JobFile) throws -> Tensor {
    guard let kept = folder.kept(file.rawValue, fingerprint) else {
      throw PipelineError.nothingKept(path: folder.file(file.rawValue))
    }
    return try kept.tensor(Self.latents)
  }

  /// Writes the state in the place of the one before.
  ///
  /// - Throws: `OutputError`, `TensorError`.
  func write(_ state: DenoisingState) throws {
    try folder.write(
      JobFile.latents.rawValue, state.tensors, fingerprint,
      metadata: [Self.stepKey: "\(state.step)", Self.windowKey: "\(state.window)"])
  }

  /// Writes the estimate of the clean latents.
  ///
  /// - Throws: `OutputError`, `TensorError`.
  func write(estimate: Tensor) throws {
    try folder.write(
      JobFile.estimate.rawValue, [(name: Self.latents, tensor: estimate)], fingerprint)
  }
}
