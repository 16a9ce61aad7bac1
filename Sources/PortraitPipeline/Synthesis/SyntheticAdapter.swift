import Checkpoints
import TensorCore
import WanModels

/// The tensors of the published 4-step LoRA, `fast_lora_rank64.safetensors`, for a transformer of any
/// size: a pair for every matrix of the base, differences of all else. It knows no expression branch.
enum SyntheticAdapter {
  /// The published rank; less where the transformer is narrow.
  static func rank(for config: TransformerConfig) -> Int { max(1, min(64, config.dim / 8)) }

  /// - Parameter base: the transformer's tensors without its expression branch.
  static func entries(for base: [TensorEntry], _ config: TransformerConfig) -> [TensorEntry] {
    base.flatMap { entries(for: $0, rank: rank(for: config)) }
  }

  private static func entries(for weight: TensorEntry, rank: Int) -> [TensorEntry] {
    func entry(_ name: some StringProtocol, _ suffix: String, _ shape: Shape) -> TensorEntry {
      TensorEntry(name: "diffusion_model.\(name).\(suffix)", dtype: .bf16, shape: shape)
    }
    let parts = weight.name.split(separator: ".")
    let module = parts.dropLast().joined(separator: ".")
    switch (parts.last, weight.shape.rank) {
    case ("bias", _): return [entry(module, "diff_b", weight.shape)]
    case ("modulation", _) where parts.first == "blocks":
      return [entry(module, "diff_m", weight.shape)]
    case ("weight", 2):
      return [
        entry(module, "lora_down.weight", [rank, weight.shape[1]]),
        entry(module, "lora_up.weight", [weight.shape[0], rank]),
      ]
    // The published merge leaves the patch embedding's kernel out.
    case ("weight", 5): return []
    case ("weight", _): return [entry(module, "diff", weight.shape)]
    default: return [entry(weight.name, "diff", weight.shape)]
    }
  }
}
