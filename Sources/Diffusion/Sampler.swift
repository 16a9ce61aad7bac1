import TensorCore

/// The published samplers.
package enum SamplerKind: String, CaseIterable, Sendable, Codable {
  /// Euler's method (diffusers `FlowMatchEulerDiscreteScheduler`), published as "Flow".
  case flow
  /// Wan's flow variant of UniPC, published as "Flow_Unipc".
  case flowUniPC = "flow-unipc"
  /// Wan's flow variant of DPM++, published as "Flow_DPM++".
  case flowDPM = "flow-dpm++"

  /// The sampler with its schedule.
  ///
  /// - Parameters:
  ///   - steps: 1 to 1000.
  ///   - shift: above 0: how much of the run is spent at high noise levels.
  /// - Throws: `DiffusionError.steps`, `.shift`.
  package func sampler(steps: Int, shift: Double) throws -> any Sampler {
    switch self {
    case .flow: EulerSampler(try .euler(steps: steps, shift: shift))
    case .flowUniPC: UniPCSampler(try .uniPC(steps: steps, shift: shift))
    case .flowDPM: DPMSampler(try .dpm(steps: steps, shift: shift))
    }
  }

  /// Tensors, each as large as a window's latents, that are remembered of every window.
  package var historyCount: Int {
    switch self {
    case .flow: 0
    case .flowUniPC: 2
    case .flowDPM: 1
    }
  }
}

/// What a multi-step sampler remembers of a window's former steps: tensors by name, so that it can be
/// written to disk with the latents and read back. Each window has its own. No tensor of it is ever
/// written to again, so copies may share them.
package struct SamplerHistory: Sendable {
  package var tensors: [String: Tensor]

  package init(_ tensors: [String: Tensor] = [:]) { self.tensors = tensors }

  /// - Throws: `DiffusionError.incompleteState`.
  func tensor(_ name: String, for step: Int) throws -> Tensor {
    guard let tensor = tensors[name] else {
      throw DiffusionError.incompleteState(missing: name, step: step)
    }
    return tensor
  }
}

/// Takes latents from one noise level to the next.
package protocol Sampler: Sendable {
  var schedule: NoiseSchedule { get }

  /// - Parameters:
  ///   - latents: float32, at `schedule.sigmas[step]`; left alone.
  ///   - velocity: the network's prediction there, of the same shape.
  ///   - history: of this window; empty at step 0, and what the step before left at all others.
  /// - Returns: the latents at `schedule.sigmas[step + 1]`, in memory of their own.
  /// - Throws: `DiffusionError.incompleteState`, `TensorError`.
  func advance(
    _ latents: Tensor, velocity: Tensor, step: Int, history: inout SamplerHistory,
    on context: ComputeContext
  ) throws -> Tensor
}
