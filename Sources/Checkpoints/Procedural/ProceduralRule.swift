import TensorCore

/// Range of a tensor's values by formula: offset + scale * r with r in [-1, 1).
package struct ProceduralRule: Equatable, Sendable {
  package let offset: Float
  package let scale: Float

  /// Whether |r| takes the place of r.
  package let absolute: Bool

  package init(offset: Float = 0, scale: Float, absolute: Bool = false) {
    self.offset = offset
    self.scale = scale
    self.absolute = absolute
  }

  /// The rule for a weight of this checkpoint name and shape, chosen so that a network of such
  /// weights neither dies out nor blows up: norm scales near 1, small biases, matrices of unit gain.
  package init(name: String, shape: Shape) {
    let last = name.split(separator: ".", omittingEmptySubsequences: false).last ?? ""
    switch last {
    case "running_var": self.init(offset: 1, scale: 0.5, absolute: true)
    case "running_mean": self.init(scale: 0.1)
    case "num_batches_tracked": self.init(scale: 0)
    case "gamma": self.init(offset: 1, scale: 0.1)
    case "weight" where shape.rank == 1: self.init(offset: 1, scale: 0.1)
    case "bias": self.init(scale: 0.05)
    case "modulation", "cls_embedding", "pos_embedding", "latents": self.init(scale: 0.1)
    // What adapters add: to the norm scales a hundredth, to matrices a tenth of their gain.
    case "diff", "diff_b", "diff_m": self.init(scale: 0.01)
    case _ where name.hasSuffix(".lora_up.weight") && shape.rank >= 2:
      self.init(scale: Float(0.1 * (3 / Double(shape.axes[1])).squareRoot()))
    case _ where name == "token_embedding.weight": self.init(scale: 1)
    case _ where name.hasSuffix("pos_embedding.embedding.weight"): self.init(scale: 0.5)
    case _ where shape.rank >= 2:
      let fanIn = shape.axes.dropFirst().reduce(1, *)
      self.init(scale: Float((3 / Double(fanIn)).squareRoot()))
    default: self.init(scale: 0.1)
    }
  }
}
