import TensorCore

/// DPM-Solver++ of second order with midpoints along the flow (Wan `FlowDPMSolverMultistepScheduler`):
/// the first and the last step are of first order. The second is as good as that too, since the first
/// came from pure noise.
package struct DPMSampler: Sampler {
  package let schedule: NoiseSchedule

  package init(_ schedule: NoiseSchedule) { self.schedule = schedule }

  /// The picture that the step before has predicted.
  private static let picture = "picture"

  package func advance(
    _ latents: Tensor, velocity: Tensor, step: Int, history: inout SamplerHistory,
    on context: ComputeContext
  ) throws -> Tensor {
    let picture = try SolverStep.picture(latents, velocity: velocity, schedule, step, on: context)
    let isFirstOrder = step == 0 || step == schedule.stepCount - 1
    let former = isFirstOrder ? nil : try history.tensor(Self.picture, for: step)
    let isLast = step == schedule.stepCount - 1
    history.tensors = isLast ? [:] : [Self.picture: picture]
    return try SolverStep(schedule, step).predicted(
      latents, picture: picture, former: former, on: context)
  }
}
