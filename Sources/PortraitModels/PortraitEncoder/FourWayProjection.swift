import Layers
import TensorCore

/// One token for each part of a frame's features: a projection without bias and a norm that all four
/// share (FlashPortrait `proj_model`).
package struct FourWayProjection: Sendable {
  private let layout: ExpressionLayout
  private let outputDim: Int
  private let execution: Execution
  /// In the order of their tokens, which is that of the features.
  private let projections: [(part: ExpressionLayout.Part, linear: Linear)]
  private let norm: LayerNorm

  /// - Parameter weights: scoped to the projection ("proj_model.").
  package init(
    layout: ExpressionLayout, outputDim: Int, weights: any TensorSource, execution: Execution
  ) throws {
    self.layout = layout
    self.outputDim = outputDim
    self.execution = execution
    projections = try ExpressionLayout.Part.allCases.map { part in
      let source = weights.scoped("\(part.rawValue)_proj.")
      return (part, try Linear(layout[part].count, outputDim, bias: false, weights: source))
    }
    norm = try LayerNorm(outputDim, epsilon: 1e-5, weights: weights.scoped("norm."))
  }

  /// - Parameter features: `[frames, layout.width]` float32.
  /// - Returns: `[frames * 4, outputDim]` float32: head pose, eyes, emotion and mouth of each frame.
  package func callAsFunction(_ features: Tensor) throws -> Tensor {
    let (frames, parts) = (features.shape[0], projections.count)
    let tokens = try Tensor(uninitialized: [frames * parts, outputDim], dtype: .f32)
    for (number, projection) in projections.enumerated() {
      // Every fourth row.
      let rows = Tensor(
        storage: tokens.storage, dtype: .f32, shape: [frames, outputDim],
        strides: [parts * outputDim, 1],
        byteOffset: tokens.byteOffset + number * outputDim * tokens.dtype.byteCount)
      _ = try projection.linear(
        features.sliced(layout[projection.part], axis: 1), into: rows, execution)
    }
    return try norm(tokens, execution)
  }
}
