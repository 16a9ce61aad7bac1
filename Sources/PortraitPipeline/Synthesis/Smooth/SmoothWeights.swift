import Checkpoints
import Foundation
import TensorCore
import WanModels

/// Weights by formula, some of them scaled so that the transformer's velocity changes slowly from
/// step to step, as a trained model's does. What each scale stands for is said in `SmoothModel`.
struct SmoothWeights: TensorSource {
  let base: ProceduralTensorSource
  let config: TransformerConfig
  let scales = Scales()

  struct Scales {
    static func env(_ n: String, _ d: Float) -> Float { ProcessInfo.processInfo.environment[n].flatMap(Float.init) ?? d }
    let timestepRate = env("S_RATE", 0.004)
    let modulation = env("S_MOD", 1)
    let time = env("S_TIME", 1)
    let branch = env("S_BRANCH", 1)
    let cross = env("S_CROSS", 1)
    let expression = env("S_EXPR", 1)
    let velocity = env("S_VEL", 1)
    let rise = env("S_RISE", 0.5)
  }

  func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor {
    let scaled: Tensor
    switch name {
    case "time_embedding.0.weight":
      scaled = try slow(base.claim(name, shape: shape, as: .f32))
    case "time_projection.1.weight":
      scaled = try base.claim(name, shape: shape, as: .f32).affine(scale: scales.time)
    case "head.head.weight": scaled = try head(shape)
    default:
      guard let factor = factor(of: name) else {
        return try base.claim(name, shape: shape, as: dtype)
      }
      scaled = try base.claim(name, shape: shape, as: .f32).affine(scale: factor)
    }
    // The type that the formula's source would give.
    let type = try dtype ?? base.claim("type", shape: [1]).dtype
    return try scaled.converted(to: type)
  }

  private func factor(of name: String) -> Float? {
    let parts = name.split(separator: ".")
    guard parts.count > 3, parts[0] == "blocks", let block = Int(parts[1]) else { return nil }
    let depth = Float(block) / Float(max(config.numLayers - 1, 1))
    let gain = scales.rise + (1 - scales.rise) * 2 * depth
    switch parts.dropFirst(2).joined(separator: ".") {
    case "self_attn.o.weight", "ffn.2.weight": return scales.branch * gain
    case "cross_attn.o.weight": return scales.cross * gain
    case "cross_attn.emo_v_proj.weight": return scales.expression
    default: return nil
    }
  }

  /// Columns of fast frequencies made small.
  private func slow(_ weight: Tensor) throws -> Tensor {
    var values = try weight.floats()
    let width = weight.shape[1]
    let half = width / 2
    for index in values.indices {
      let frequency = pow(10_000, -Float(index % width % half) / Float(half))
      let ratio = frequency / scales.timestepRate
      values[index] *= 1 / (1 + ratio * ratio)
    }
    return try Tensor(values, shape: weight.shape)
  }

  /// The patch embedding of the latents, turned round.
  private func head(_ shape: Shape) throws -> Tensor {
    let embedding = try base.claim(
      "patch_embedding.weight", shape: Shape([config.dim, config.inDim] + config.patchSize),
      as: .f32
    ).floats()
    let positions = config.patchPositions
    var values = [Float](repeating: 0, count: shape.count)
    for position in 0..<positions {
      for channel in 0..<config.outDim {
        let row = position * config.outDim + channel
        for unit in 0..<config.dim {
          values[row * config.dim + unit] =
            scales.velocity * embedding[(unit * config.inDim + channel) * positions + position]
        }
      }
    }
    return try Tensor(values, shape: shape)
  }
}
