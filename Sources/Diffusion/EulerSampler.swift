import TensorCore

/// Euler's method along the flow (diffusers `FlowMatchEulerDiscreteScheduler`), also that of distilled
/// models (FlashPortrait `fast_infer.py`).
package struct EulerSampler: Sampler {
  package let schedule: NoiseSchedule

  package init(_ schedule: NoiseSchedule) { self.schedule = schedule }

  package func advance(
    _ latents: Tensor, velocity: Tensor, step: Int, history: inout SamplerHistory,
    on context: ComputeContext
  ) throws -> Tensor {
    let change = Float(schedule.sigmas[step + 1] - schedule.sigmas[step])
    return try latents.adding(velocity, times: change, on: context)
  }
}
