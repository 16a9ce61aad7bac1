import Diffusion
import TensorCore

extension SmoothModel {
  /// What a run left.
  package struct Outcome {
    /// The final latents.
    package let latents: [Float]
    package let seconds: Double
    /// What each step began with, and the end.
    package let steps: [Tensor]
  }

  /// From noise to latents as a job does it.
  ///
  /// - Throws: `NetworkError`, `DiffusionError`, `TensorError`.
  package func run(_ parameters: JobParameters) throws -> Outcome {
    let context = transformer.execution.context
    let denoiser = try WindowedDenoiser(
      windows: windows,
      sampler: parameters.sampler.sampler(steps: parameters.steps, shift: parameters.shift),
      guidance: parameters.guidance, skippedShare: parameters.guidanceSkip, on: context)
    let stage = try DenoisingStage(
      denoiser, transformer: transformer, portraitEncoder: portraitEncoder, conditions: conditions,
      parameters: parameters)
    var state = try DenoisingState(noise: noise(), windowCount: windows.count)
    var steps = [try state.latents.copied(on: context)]
    let start = ContinuousClock.now
    while state.step < denoiser.stepCount {
      try stage.advance(&state) { _ in }
      if state.window == 0 { steps.append(try state.latents.copied(on: context)) }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return Outcome(latents: try state.latents.floats(), seconds: seconds, steps: steps)
  }
}
