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
    /// `[16, frames, H, W]` float32; it may be a view of the run's latents, so it must not be written
    /// to, nor kept beyond the step.
    package let latents: Tensor
    package let timestep: Double
    package let predictions: [Guidance.Prediction]
  }

  package let windows: ContextWindows
  package let sampler: any Sampler
  package let guidance: Guidance
  /// Steps from here on run without guidance.
  package let guidedSteps: Int
  /// What a later window is rounded to once it is blended.
  private let blendType: DType
  private let context: ComputeContext

  /// - Parameters:
  ///   - skippedShare: of the steps, the last ones, that run without guidance (`cfg_skip_ratio`),
  ///     0 to 1.
  ///   - blendType: `.bf16` as published, whose latents all are of that type; nothing is rounded in the
  ///     first step, and never the first window.
  /// - Throws: `DiffusionError.guidanceSkip`.
  package init(
    windows: ContextWindows, sampler: any Sampler, guidance: Guidance, skippedShare: Double = 0,
    blendType: DType = .f32, on context: ComputeContext = .shared
  ) throws {
    self.windows = windows
    self.sampler = sampler
    self.guidance = guidance
    guidedSteps = try Self.guidedSteps(
      of: sampler.schedule.stepCount, skippedShare: skippedShare)
    self.blendType = blendType
    self.context = context
  }

  package var stepCount: Int { sampler.schedule.stepCount }

  /// The guidance of a step.
  package func guidance(inStep step: Int) -> Guidance { step < guidedSteps ? guidance : .none }

  /// Passes of the network over a window that a run takes, each prediction counted.
  package var passCount: Int {
    let guided = guidedSteps * guidance.predictions.count
    return windows.count * (guided + stepCount - guidedSteps)
  }

  /// The first steps that run with guidance: all whose number is below the rest of the share
  /// (VideoX-Fun `cfg_skip`, which the published code calls for batches of two alone).
  ///
  /// - Throws: `DiffusionError.guidanceSkip`.
  package static func guidedSteps(of steps: Int, skippedShare: Double) throws -> Int {
    guard (0...1).contains(skippedShare) else { throw DiffusionError.guidanceSkip(skippedShare) }
    return Int((Double(steps) * (1 - skippedShare)).rounded(.up))
  }

  /// Computes the next window; after the last one of a step its output becomes the latents.
  ///
  /// Where it throws, the state is as before.
  ///
  /// - Parameter predict: one velocity for each of the input's predictions, float32 of the latents'
  ///   shape.
  /// - Throws: what `predict` throws; `DiffusionError.incompleteState`, `TensorError`.
  package func advance(
    _ state: inout DenoisingState, predict: (WindowInput) throws -> [Tensor]
  ) throws {
    precondition(
      state.step < stepCount && state.histories.count == windows.count, "a state of another run")
    let frames = windows.windows[state.window]
    let guidance = guidance(inStep: state.step)
    let latents = try state.latents.sliced(frames, axis: 1).contiguous()
    let input = WindowInput(
      step: state.step, window: state.window, frames: frames, latents: latents,
      timestep: sampler.schedule.timesteps[state.step], predictions: guidance.predictions)
    let velocity = try guidance.velocity(predict(input), on: context)
    var history = state.histories[state.window]
    let next = try sampler.advance(
      latents, velocity: velocity, step: state.step, history: &history, on: context)
    try write(next, of: state.window, step: state.step, into: state.output)
    state.histories[state.window] = history
    state.window += 1
    if state.window == windows.count {
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
    let target = output.sliced(frames, axis: 1)
    let overlap = step == 0 ? 0 : windows.overlaps[window]
    for (frame, weight) in ContextWindows.blendWeights(overlap).enumerated() {
      for channel in 0..<latents.shape[0] {
        // A view that is contiguous, so the sum needs no memory; with a weight of 1 it is exact.
        let old = target.plane(channel, frame)
        _ = try old.affine(scale: 1 - weight, into: old, on: context)
        _ = try latents.plane(channel, frame).scaled(
          by: weight, adding: old, into: old, on: context)
      }
    }
    try latents.sliced(overlap..<frames.count, axis: 1)
      .copy(into: target.sliced(overlap..<frames.count, axis: 1), on: context)
    if step > 0, window > 0, blendType != .f32 {
      try target.converted(to: blendType, on: context).copy(into: target, on: context)
    }
  }
}

extension Tensor {
  /// One frame of one channel of `[channels, frames, rows, columns]`, as `[1, 1, rows, columns]`.
  fileprivate func plane(_ channel: Int, _ frame: Int) -> Tensor {
    sliced(channel..<channel + 1).sliced(frame..<frame + 1, axis: 1)
  }
}
