import Layers
import TensorCore

/// What reads one part of the expression off the features: Linear, ReLU, batch norm, Linear, and for
/// all parts but the mouth another ReLU and Linear (PD-FGC `to_headpose` and `headpose_embed`).
struct MotionHead: Sendable {
  let part: ExpressionLayout.Part
  /// Its ReLU is for the caller to ask for: the first layers of all heads are one product.
  let first: Linear  // to_X.0
  private let norm: BatchNorm  // to_X.2
  private let second: Linear  // to_X.3
  private let embedding: Linear?  // X_embed.1

  /// - Parameter weights: of the whole motion encoder.
  init(
    _ part: ExpressionLayout.Part, width: Int, features: Int, weights: any TensorSource
  ) throws {
    self.part = part
    let name = part.rawValue
    first = try Linear(features, features, weights: weights.scoped("to_\(name).0."))
    norm = try BatchNorm(features, weights: weights.scoped("to_\(name).2."))
    second = try Linear(features, features, weights: weights.scoped("to_\(name).3."))
    embedding =
      part == .mouth
      ? nil : try Linear(features, width, weights: weights.scoped("\(name)_embed.1."))
  }

  /// - Parameters:
  ///   - hidden: what the first layer gave, rectified, `[pictures, features]`.
  ///   - output: `[pictures, width]` float32, rows contiguous; written in place.
  func callAsFunction(
    _ hidden: Tensor, into output: Tensor, _ execution: Execution
  ) throws {
    guard let embedding else {
      _ = try second(hidden, prologue: norm.prologue, into: output, execution)
      return
    }
    let state = try second(
      hidden, prologue: norm.prologue, epilogue: .init(activation: .relu), execution)
    _ = try embedding(state, into: output, execution)
  }
}
