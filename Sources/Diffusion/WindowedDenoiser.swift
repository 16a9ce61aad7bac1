import TensorCore

/// From noise to latents, window by window and step by step (FlashPortrait
/// `WanI2VLongPipeline.__call__`).
package struct WindowedDenoiser: Sendable {
  /// What a window's prediction is made from.
  package struct WindowInput: Sendable {
    package let step: Int
    package let window: Int
    /// Latent frames of the window.
    package let frames: Range<Int>
    /// `[16, frames, H, W]` float32.
    package let latents: Tensor
    package let timestep: Double
    package let predictions: [Guidance.Prediction]
  }

  package let windows: ContextWindows
  package let sampler: any Sampler
  package let guidance: Guidance
  /// Steps from here on run without guidance.
  package let guidedSteps: Int
  private let context: ComputeContext

  /// - Parameter skippedShare: of the steps, the last ones, that run without guidance
  ///   (`cfg_skip_ratio`), 0 to 1.
  package init(
    windows: ContextWindows, sampler: any Sampler, guidance: Guidance, skippedShare: Double = 0,
    on context: ComputeContext = .shared
  ) {
    self.windows = windows
    self.sampler = sampler
    self.guidance = guidance
    guidedSteps = Int(Double(sampler.schedule.stepCount) * (1 - skippedShare))
    self.context = context
  }

  package var stepCount: Int { sampler.schedule.stepCount }

  /// Computes the next window; after the last one of a step its output becomes the latents.
  ///
  /// - Parameter predict: one velocity for each of the input's predictions, float32 of the latents'
  ///   shape.
  /// - Throws: what `predict` throws; `TensorError`.
  package func advance(
    _ state: inout DenoisingState, predict: (WindowInput) throws -> [Tensor]
  ) throws {
    let frames = windows.windows[state.window]
    let guidance = state.step < guidedSteps ? guidance : .none
    let latents = try state.latents.sliced(frames, axis: 1).contiguous()
    let input = WindowInput(
      step: state.step, window: state.window, frames: frames, latents: latents,
      timestep: sampler.schedule.timesteps[state.step], predictions: guidance.predictions)
    let velocity = try guidance.velocity(predict(input), on: context)
    let next = try sampler.advance(
      latents, velocity: velocity, step: state.step, history: &state.histories[state.window],
      on: context)
    try write(next, of: state.window, step: state.step, into: state.output)
    state.window += 1
    if state.window == windows.windows.count {
      swap(&state.latents, &state.output)
      state.window = 0
      state.step += 1
    }
  }

  /// The published code does not blend in the first step: the later window overwrites.
  private func write(
    _ latents: Tensor, of window: Int, step: Int, into output: Tensor
  ) throws {
    let frames = windows.windows[window]
    let overlap = step == 0 ? 0 : windows.overlaps[window]
    for (index, weight) in ContextWindows.blendWeights(overlap).enumerated() {
      let place = frames.lowerBound + index
      let old = try output.sliced(place..<place + 1, axis: 1).contiguous()
      let new = try latents.sliced(index..<index + 1, axis: 1).contiguous()
      try old.moved(towards: new, times: weight, on: context)
        .copy(into: output.sliced(place..<place + 1, axis: 1), on: context)
    }
    try latents.sliced(overlap..<frames.count, axis: 1).copy(
      into: output.sliced(frames.lowerBound + overlap..<frames.upperBound, axis: 1), on: context)
  }
}
