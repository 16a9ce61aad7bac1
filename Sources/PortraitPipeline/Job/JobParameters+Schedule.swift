import Diffusion

extension JobParameters {
  /// Steps of the run: those that the model was distilled to, else those that were asked for.
  package var stepCount: Int { distilledSteps?.count ?? steps }

  /// What takes the latents from step to step, with its schedule.
  ///
  /// - Throws: `DiffusionError.steps`, `.shift`, `.distilledSteps`.
  package func scheduledSampler() throws -> any Sampler {
    if let distilledSteps {
      return EulerSampler(try .distilled(steps: distilledSteps, shift: shift))
    }
    return try effectiveSampler.sampler(steps: steps, shift: shift)
  }

  /// The sampler that runs: Euler's where the model was distilled.
  package var effectiveSampler: SamplerKind { distilledSteps == nil ? sampler : .flow }
}
