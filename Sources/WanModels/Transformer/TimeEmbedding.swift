import Foundation
import Layers
import TensorCore

/// What the timestep does to the blocks: float32 in every mode.
struct TimeEmbedding: Sendable {
  private let first: Linear  // time_embedding.0
  private let second: Linear  // time_embedding.2
  private let projection: Linear  // time_projection.1
  private let config: TransformerConfig
  private let execution: Execution

  init(_ config: TransformerConfig, weights: any TensorSource, execution: Execution) throws {
    first = try Linear(
      config.freqDim, config.dim, weights: weights.scoped("time_embedding.0."))
    second = try Linear(config.dim, config.dim, weights: weights.scoped("time_embedding.2."))
    projection = try Linear(
      config.dim, 6 * config.dim, weights: weights.scoped("time_projection.1."))
    self.config = config
    self.execution = Execution(arithmetic: .f32, context: execution.context)
  }

  /// - Parameter timestep: 0 to 1000.
  /// - Returns: `e` `[1, dim]` and `e0` `[6, dim]`, float32.
  func callAsFunction(_ timestep: Double) throws -> TimeConditions {
    let silu = MatrixProduct.Epilogue(activation: .silu)
    let hidden = try first(sinusoid(timestep), epilogue: silu, execution)
    let e = try second(hidden, execution)
    let activated = try e.applying(.silu, on: execution.context)
    let e0 = try projection(activated, execution)
    return TimeConditions(e: e, e0: try e0.reshaped([6, config.dim]))
  }

  /// Cosines, then sines of t * 10000^(-i / half), in float64 (`sinusoidal_embedding_1d`).
  private func sinusoid(_ timestep: Double) throws -> Tensor {
    let half = config.freqDim / 2
    let angles = (0..<half).map { timestep * pow(10_000, -Double($0) / Double(half)) }
    let values = angles.map { Float(cos($0)) } + angles.map { Float(sin($0)) }
    return try Tensor(values, shape: [1, config.freqDim])
  }
}

/// The embedded timestep.
package struct TimeConditions: Sendable {
  /// `[1, dim]` float32: what the head is modulated with.
  package let e: Tensor
  /// `[6, dim]` float32: what the blocks are modulated with.
  package let e0: Tensor
}

/// Shift, scale and gate of a block's or the head's parts: learned values plus the timestep's.
struct Modulation {
  /// Float32 vectors of the hidden width, in the order of the checkpoint.
  let vectors: [Tensor]

  /// - Parameters:
  ///   - learned: `[1, n, dim]` float32.
  ///   - time: `[n, dim]` or `[1, dim]` float32.
  init(_ learned: Tensor, time: Tensor, on context: ComputeContext) throws {
    vectors = try (0..<learned.shape[1]).map { index in
      let row = learned.sliced(index..<index + 1, axis: 1)
      let other = min(index, time.shape[0] - 1)
      let sum = try row.reshaped([learned.shape[2]]).combined(
        with: time.sliced(other..<other + 1).reshaped([learned.shape[2]]), by: .add, on: context)
      return sum
    }
  }

  /// LayerNorm(x) * (1 + scale) + shift, on the way into a product.
  func prologue(
    shift: Int, scale: Int, epsilon: Float, on context: ComputeContext
  ) throws -> MatrixProduct.Prologue {
    .init(
      norm: .layer(epsilon: epsilon),
      multiply: try vectors[scale].affine(scale: 1, shift: 1, on: context), add: vectors[shift])
  }
}
