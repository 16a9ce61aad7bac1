import Checkpoints
import Foundation
import TensorCore
import WanModels

/// Weights by formula, some of them scaled so that the transformer's velocity changes slowly from
/// step to step, as a trained one's does.
///
/// Each scale stands for a trait of trained models. They were chosen by `FieldSmoothness` alone,
/// before anything was predicted with them:
///
/// * The timestep's fast sinusoids, which turn many times from one step to the next, count little.
/// * What the timestep does to the blocks is stronger than by the formula: gates would stay closed.
/// * Blocks add little to the residual stream, the later ones more than the first.
/// * Expression, prompt and picture change the velocity by a small part, which guidance multiplies.
/// * The head is the patch embedding turned round: the velocity holds the noise that goes in, and a
///   step takes some of it out.
struct SmoothWeights: TensorSource {
  private let base: ProceduralTensorSource
  private let config: TransformerConfig
  /// Of the tensors that are claimed in the type that is stored.
  private let type: DType

  /// Sinusoids that turn by less than this angle in a unit of the timestep (0 to 1000) stay; faster
  /// ones fall with the square.
  private static let slowestAngle: Float = 0.001
  private static let timeGain: Float = 4
  /// Of the first and the last block's additions.
  private static let residualGains: ClosedRange<Float> = 0.2...1.8
  /// The same of prompt, picture and expression, in those.
  private static let contextGain: Float = 0.08

  init(_ base: ProceduralTensorSource, _ config: TransformerConfig, type: DType) {
    self.base = base
    self.config = config
    self.type = type
  }

  func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor {
    let scaled: Tensor
    switch name {
    case "time_embedding.0.weight": scaled = try slowed(weight(name, shape))
    case "time_projection.1.weight":
      scaled = try weight(name, shape).affine(scale: Self.timeGain)
    case "head.head.weight": scaled = try head(shape)
    default:
      guard let gain = gain(of: name) else {
        return try base.claim(name, shape: shape, as: dtype)
      }
      scaled = try weight(name, shape).affine(scale: gain)
    }
    return try scaled.converted(to: dtype ?? type)
  }

  private func weight(_ name: String, _ shape: Shape) throws -> Tensor {
    try base.claim(name, shape: shape, as: .f32)
  }

  /// Of a matrix that a block ends a part with.
  private func gain(of name: String) -> Float? {
    guard let match = name.wholeMatch(of: /blocks\.(\d+)\.(.*)/), let block = Int(match.1) else {
      return nil
    }
    let depth = Float(block) / Float(max(config.numLayers - 1, 1))
    let gains = Self.residualGains
    let gain = gains.lowerBound + (gains.upperBound - gains.lowerBound) * depth
    switch match.2 {
    case "self_attn.o.weight", "ffn.2.weight": return gain
    case "cross_attn.o.weight": return gain * Self.contextGain
    default: return nil
    }
  }

  /// Columns are cosines, then sines, each from the fastest to the slowest.
  private func slowed(_ weight: Tensor) throws -> Tensor {
    var values = try weight.floats()
    let half = config.freqDim / 2
    for index in values.indices {
      let angle = pow(10_000, -Float(index % half) / Float(half))
      let ratio = angle / Self.slowestAngle
      values[index] /= 1 + ratio * ratio
    }
    return try Tensor(values, shape: weight.shape)
  }

  /// The patch embedding's columns of the latents, as rows by position and channel.
  private func head(_ shape: Shape) throws -> Tensor {
    let positions = config.patchPositions
    let embedding = try weight(
      "patch_embedding.weight", Shape([config.dim, config.inDim] + config.patchSize))
    return
      try embedding
      .reshaped([config.dim, config.inDim, positions])
      .sliced(0..<config.outDim, axis: 1)
      .permuted([2, 1, 0]).contiguous().reshaped(shape)
  }
}
