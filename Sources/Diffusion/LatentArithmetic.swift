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
    let result = try other.combined(with: self, by: .subtract, on: context)
    return try result.scaled(by: scale, adding: self, into: result, on: context)
  }

  /// The sum of tensors of one shape, each with its weight, added up in their order.
  package static func weightedSum(
    _ terms: [(weight: Double, tensor: Tensor)], on context: ComputeContext
  ) throws -> Tensor {
    precondition(!terms.isEmpty, "a sum of nothing")
    let result = try terms[0].tensor.affine(scale: Float(terms[0].weight), on: context)
    for (weight, tensor) in terms.dropFirst() {
      _ = try tensor.scaled(by: Float(weight), adding: result, into: result, on: context)
    }
    return result
  }

  /// The same elements in memory of their own.
  func copied(on context: ComputeContext) throws -> Tensor {
    let copy = try Tensor(uninitialized: shape, dtype: dtype)
    try self.copy(into: copy, on: context)
    return copy
  }
}
