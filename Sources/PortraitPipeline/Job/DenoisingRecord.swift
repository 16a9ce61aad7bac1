import Checkpoints
import Diffusion
import TensorCore

/// The latents and all that the rest of the denoising depends on, in the work folder.
struct DenoisingRecord {
  private let folder: WorkFolder
  private let fingerprint: Fingerprint

  init(_ folder: WorkFolder, _ fingerprint: Fingerprint) {
    self.folder = folder
    self.fingerprint = fingerprint
  }

  /// The state that an earlier run has kept.
  ///
  /// - Throws: `DiffusionError.incompleteState`, `TensorError`.
  func kept(windowCount: Int) throws -> DenoisingState? {
    guard let file = folder.kept(JobFile.latents.rawValue, fingerprint),
      let step = file.metadata["step"].flatMap({ Int($0) }),
      let window = file.metadata["window"].flatMap({ Int($0) })
    else { return nil }
    let tensors = try file.entries.map { ($0.name, try file.tensor($0.name)) }
    return try DenoisingState(
      step: step, window: window, windowCount: windowCount,
      tensors: Dictionary(uniqueKeysWithValues: tensors))
  }

  /// Writes the state in the place of the one before.
  func write(_ state: DenoisingState) throws {
    try folder.write(
      JobFile.latents.rawValue, state.tensors, fingerprint,
      metadata: ["step": "\(state.step)", "window": "\(state.window)"])
  }
}

/// Decides when what has been done is worth writing down: what writing costs stays a small share of
/// the time.
struct SavingPace {
  private static let share = 0.04

  private var lastEnd = ContinuousClock.now
  private var cost = Duration.zero

  /// Whether enough was done since the last time.
  var isDue: Bool { (ContinuousClock.now - lastEnd) * Self.share >= cost }

  mutating func save(_ body: () throws -> Void) rethrows {
    let start = ContinuousClock.now
    try body()
    lastEnd = .now
    cost = lastEnd - start
  }
}
