import Checkpoints
import Diffusion
import TensorCore

/// The latents and all that the rest of the denoising depends on, in the work folder.
struct DenoisingRecord {
  private let folder: WorkFolder
  private let fingerprint: Fingerprint

  private static let history = "history."

  init(_ folder: WorkFolder, _ fingerprint: Fingerprint) {
    self.folder = folder
    self.fingerprint = fingerprint
  }

  /// The state that an earlier run has kept.
  ///
  /// - Throws: `TensorError`.
  func kept(windowCount: Int) throws -> DenoisingState? {
    guard let file = folder.kept(JobFile.latents.rawValue, fingerprint),
      let step = file.metadata["step"].flatMap({ Int($0) }),
      let window = file.metadata["window"].flatMap({ Int($0) })
    else { return nil }
    var histories = [SamplerHistory](repeating: SamplerHistory(), count: windowCount)
    for entry in file.entries where entry.name.hasPrefix(Self.history) {
      let parts = entry.name.dropFirst(Self.history.count).split(separator: ".", maxSplits: 1)
      guard parts.count == 2, let index = Int(parts[0]), histories.indices.contains(index) else {
        continue
      }
      histories[index].tensors[String(parts[1])] = try file.tensor(entry.name).owned()
    }
    return DenoisingState(
      step: step, window: window, latents: try file.tensor("latents").owned(),
      output: try file.tensor("output").owned(), histories: histories)
  }

  /// Writes the state in the place of the one before.
  func write(_ state: DenoisingState) throws {
    var tensors = [("latents", state.latents), ("output", state.output)]
    for (index, history) in state.histories.enumerated() {
      for (name, tensor) in history.tensors.sorted(by: { $0.key < $1.key }) {
        tensors.append(("\(Self.history)\(index).\(name)", tensor))
      }
    }
    try folder.write(
      JobFile.latents.rawValue, tensors.map { (name: $0.0, tensor: $0.1) }, fingerprint,
      metadata: ["step": "\(state.step)", "window": "\(state.window)"])
  }
}

extension Tensor {
  /// A copy in memory of its own: the file may be replaced.
  fileprivate func owned() throws -> Tensor {
    let copy = try Tensor(uninitialized: shape, dtype: dtype)
    try self.copy(into: copy)
    return copy
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
