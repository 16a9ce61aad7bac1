import TensorCore

/// The published samplers.
package enum SamplerKind: String, CaseIterable, Sendable, Codable {
  /// Euler's method (diffusers `FlowMatchEulerDiscreteScheduler`), published as "Flow".
  case flow
  /// Wan's flow variant of UniPC, published as "Flow_Unipc".
  case flowUniPC = "flow-unipc"
  /// Wan's flow variant of DPM++, published as "Flow_DPM++".
  case flowDPM = "flow-dpm++"
}

/// The noise levels of a run, from noise to picture.
package struct NoiseSchedule: Sendable, Equatable {
  /// One more than there are steps; the last is 0.
  package let sigmas: [Double]
  /// What the network is told at each step, 0 to 1000.
  package let timesteps: [Double]

  package var stepCount: Int { timesteps.count }

  package init(sigmas: [Double], timesteps: [Double]) {
    precondition(sigmas.count == timesteps.count + 1, "one sigma more than timesteps")
    self.sigmas = sigmas
    self.timesteps = timesteps
  }
}

/// What a multi-step sampler remembers of a window's former steps: tensors by name, so that it can be
/// written to disk with the latents and read back. Each window has its own.
package struct SamplerHistory: Sendable {
  package var tensors: [String: Tensor]

  package init(_ tensors: [String: Tensor] = [:]) { self.tensors = tensors }
}

/// Takes latents from one noise level to the next.
package protocol Sampler: Sendable {
  var schedule: NoiseSchedule { get }

  /// - Parameters:
  ///   - latents: float32, at `schedule.sigmas[step]`; left alone.
  ///   - velocity: the network's prediction there, of the same shape.
  ///   - history: of this window; empty at step 0.
  /// - Returns: the latents at `schedule.sigmas[step + 1]`.
  /// - Throws: `TensorError`.
  func advance(
    _ latents: Tensor, velocity: Tensor, step: Int, history: inout SamplerHistory,
    on context: ComputeContext
  ) throws -> Tensor
}
