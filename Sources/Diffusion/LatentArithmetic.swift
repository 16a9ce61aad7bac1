import TensorCore

extension Tensor {
  /// This tensor's elements plus another's, those `scale` times.
  func adding(_ other: Tensor, times scale: Float, on context: ComputeContext) throws -> Tensor {
    try other.scaled(by: scale, adding: self, on: context)
  }

  /// `scale` of the way to another tensor, or beyond it.
  func moved(
    towards other: Tensor, times scale: Float, on context: ComputeContext
  ) throws -> Tensor {
    try other.combined(with: self, by: .subtract, on: context)
      .scaled(by: scale, adding: self, on: context)
  }
}
