import TensorCore

/// A run between two windows: all that the rest of it depends on.
package struct DenoisingState: Sendable {
  /// Steps that are done.
  package var step = 0
  /// Windows of the step in hand that are done.
  package var window = 0
  /// `[16, T, H, W]` float32: all latents when the step in hand began.
  package var latents: Tensor
  /// Of the same shape: what the step's windows have written so far; the rest undefined.
  package var output: Tensor
  /// What the sampler remembers of each window.
  package var histories: [SamplerHistory]

  /// - Parameter noise: `[16, T, H, W]` float32.
  /// - Throws: `TensorError.outOfMemory`.
  package init(noise: Tensor, windowCount: Int) throws {
    latents = try noise.contiguous()
    output = try Tensor(zeros: noise.shape, dtype: .f32)
    histories = [SamplerHistory](repeating: SamplerHistory(), count: windowCount)
  }

  /// A run that was kept.
  package init(
    step: Int, window: Int, latents: Tensor, output: Tensor, histories: [SamplerHistory]
  ) {
    self.step = step
    self.window = window
    self.latents = latents
    self.output = output
    self.histories = histories
  }
}
