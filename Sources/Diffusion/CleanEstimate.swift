import TensorCore

/// What the latents are on their way to, told from two neighbouring states of the denoising.
package enum CleanEstimate {
  /// Follows the straight line through two states to where there is no noise left: exact for a
  /// straight flow, x = (1 - sigma) clean + sigma noise.
  ///
  /// - Parameters:
  ///   - previous: float32 latents at `previousSigma`.
  ///   - next: of the same shape, at `nextSigma`.
  /// - Returns: of the same shape; `next` itself where its sigma is 0, or where both are the same and
  ///   there is no line.
  /// - Throws: `TensorError`.
  package static func latents(
    from previous: Tensor, at previousSigma: Double, to next: Tensor, at nextSigma: Double,
    on context: ComputeContext = .shared
  ) throws -> Tensor {
    guard nextSigma != 0, nextSigma != previousSigma else { return next }
    let rest = Float(nextSigma / (previousSigma - nextSigma))
    return try next.combined(with: previous, by: .subtract, on: context)
      .scaled(by: rest, adding: next, on: context)
  }
}
