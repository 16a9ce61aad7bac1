import Checkpoints

/// The memory that a job's weights take in each memory mode, against what is free.
struct JobNeeds: Encodable {
  struct Mode: Encodable {
    let mode: String
    let meaning: String
    let bytes: Int
    let fits: Bool
  }

  /// Whether the sizes are those of the folder, or else of the published checkpoints.
  let measured: Bool
  let modes: [Mode]

  /// Weights of one network and of the largest piece of it that must be resident.
  private struct Weights {
    let bytes: Int
    let largestBlock: Int
  }

  /// Sizes of the published 14B checkpoints: transformer with 40 blocks in bfloat16, UMT5 encoder
  /// with 24, CLIP's image half, the VAE.
  private static let published = [
    Weights(bytes: 33_000_000_000, largestBlock: 825_000_000),
    Weights(bytes: 11_360_000_000, largestBlock: 390_000_000),
    Weights(bytes: 1_300_000_000, largestBlock: 40_000_000),
    Weights(bytes: 500_000_000, largestBlock: 500_000_000),
  ]

  /// - Parameter files: those that one network is loaded from.
  /// - Returns: nil where no network is in them.
  private static func weights(of files: [CheckpointFolder.File]) -> Weights? {
    let bytes = files.reduce(0) { $0 + ($1.network?.byteCount ?? 0) }
    guard bytes > 0 else { return nil }
    let block = files.reduce(0) { $0 + $1.largestBlock }
    return Weights(bytes: bytes, largestBlock: block > 0 ? min(block, bytes) : bytes)
  }

  init(folder: CheckpointFolder?, usableMemory: Int) {
    let transformer = folder?.transformer ?? []
    let others = (folder?.files ?? []).filter { file in
      file.item.need == .always && file.item.network != .flashPortraitTransformer
    }
    let found = ([transformer] + others.map { [$0] }).compactMap(Self.weights)
    measured = !found.isEmpty
    let weights = measured ? found : Self.published
    func mode(_ name: String, _ meaning: String, _ bytes: Int) -> Mode {
      Mode(mode: name, meaning: meaning, bytes: bytes, fits: bytes <= usableMemory)
    }
    modes = [
      mode("model_full_load", "all networks at once", weights.reduce(0) { $0 + $1.bytes }),
      mode("model_cpu_offload", "one network at a time", weights.map(\.bytes).max() ?? 0),
      mode(
        "model_cpu_offload_and_qfloat8", "the same with 8-bit weights",
        (weights.map(\.bytes).max() ?? 0) / 2),
      mode(
        "sequential_cpu_offload", "two blocks at a time, read from disk",
        2 * (weights.map(\.largestBlock).max() ?? 0)),
    ]
  }
}
