import TensorCore

/// Euler's method along the flow (diffusers `FlowMatchEulerDiscreteScheduler`).
package struct EulerSampler: Sampler {
  package let schedule: NoiseSchedule

  /// - Parameters:
  ///   - steps: 1 or more.
  ///   - shift: above 0.
  package init(steps: Int, shift: Double) {
    func shifted(_ sigma: Double) -> Double { shift * sigma / (1 + (shift - 1) * sigma) }
    let last = shifted(0.001)
    let sigmas = (0..<steps).map { step in
      let share = steps > 1 ? Double(step) / Double(steps - 1) : 0
      return shifted(1 + (last - 1) * share)
    }
    schedule = NoiseSchedule(sigmas: sigmas + [0], timesteps: sigmas.map { $0 * 1000 })
  }

  package func advance(
    _ latents: Tensor, velocity: Tensor, step: Int, history: inout SamplerHistory,
    on context: ComputeContext
  ) throws -> Tensor {
    let change = Float(schedule.sigmas[step + 1] - schedule.sigmas[step])
    return try latents.adding(velocity, times: change, on: context)
  }
}
