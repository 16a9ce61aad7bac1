import TensorCore

/// What the encoder makes of a clip: a normal distribution for every value of its latents.
package struct LatentDistribution: Sendable {
  /// `[2 * z, frames, rows, columns]` float32: means, then log variances, as the network gave them.
  private let moments: Tensor
  private let config: WanVAEConfig
  private let context: ComputeContext

  init(moments: Tensor, config: WanVAEConfig, context: ComputeContext) {
    self.moments = moments
    self.config = config
    self.context = context
  }

  /// Latent frames.
  package var frameCount: Int { moments.shape[1] }

  /// `[z, frames, rows, columns]` float32: not normalised.
  package var mean: Tensor { moments.sliced(0..<config.zDim) }

  /// `[z, frames, rows, columns]` float32, within -30 ... 20.
  package func logVariance() throws -> Tensor {
    try moments.sliced(config.zDim..<2 * config.zDim).clamped(to: -30...20, on: context)
  }

  /// `[z, frames, rows, columns]` float32: the most likely latents, normalised: what the
  /// transformer works on.
  package func mode() throws -> Tensor {
    let result = try Tensor(uninitialized: mean.shape, dtype: .f32)
    for channel in 0..<config.zDim {
      let scale = 1 / config.latentsStd[channel]
      _ = try mean.sliced(channel..<channel + 1).affine(
        scale: scale, shift: -config.latentsMean[channel] * scale,
        into: result.sliced(channel..<channel + 1), on: context)
    }
    return result
  }
}

extension Tensor {
  /// A contiguous float32 copy with every value moved into a range; a NaN stays.
  func clamped(to range: ClosedRange<Float>, on context: ComputeContext) throws -> Tensor {
    let source = try converted(to: .f32, on: context)
    let result = try Tensor(uninitialized: shape, dtype: .f32)
    result.clamp(source, to: range, on: context)
    return result
  }

  /// Moves every value of a contiguous float32 tensor into a range, in place.
  func clamp(to range: ClosedRange<Float>, on context: ComputeContext) {
    clamp(self, to: range, on: context)
  }

  private func clamp(
    _ source: Tensor, to range: ClosedRange<Float>, on context: ComputeContext
  ) {
    precondition(dtype == .f32 && isContiguous, "a contiguous float32 tensor")
    let chunk = 1 << 16
    let (from, into) = (
      source.pointer.assumingMemoryBound(to: Float.self),
      pointer.assumingMemoryBound(to: Float.self)
    )
    nonisolated(unsafe) let (input, output) = (from, into)
    context.pool.forEach(count.dividedUp(by: chunk)) { piece in
      for index in piece * chunk..<min((piece + 1) * chunk, count) {
        let value = input[index]
        let low = value < range.lowerBound ? range.lowerBound : value
        output[index] = low > range.upperBound ? range.upperBound : low
      }
    }
    withExtendedLifetime(source) {}
  }
}
