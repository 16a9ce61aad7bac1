import Diffusion
import TensorCore

extension SmoothModel {
  /// What became of a run.
  package struct Outcome: Sendable {
    /// `[16, frames, rows, columns]` float32: what each step began with, and the end.
    package let latents: [Tensor]
    /// Passes that were computed, all windows together; one counts for all guidance branches.
    package let computedCount: Int
    /// Passes that were made from earlier ones.
    package let madeCount: Int
    /// Computed passes whose prediction was out of family.
    package let fallbackCount: Int
    /// Of the steps.
    package let seconds: Double

    /// How far the latents are from another run's, relative to those: root-mean-square.
    ///
    /// - Parameter step: the one that the latents compared are the beginning of; nil for the ends,
    ///   also those of runs of different length.
    package func distance(from other: Outcome, before step: Int? = nil) throws -> Double {
      try relativeDistance(
        latents[step ?? latents.count - 1].floats(),
        other.latents[step ?? other.latents.count - 1].floats())
    }
  }

  /// From noise to latents as a job does it: windows, guidance branches, sampler and all.
  ///
  /// - Throws: `NetworkError`, `DiffusionError`, `TensorError`.
  package func run(_ parameters: JobParameters) throws -> Outcome {
    let context = transformer.execution.context
    let denoiser = try WindowedDenoiser(
      windows: windows,
      sampler: parameters.sampler.sampler(steps: parameters.steps, shift: parameters.shift),
      guidance: parameters.guidance, skippedShare: parameters.guidanceSkip, on: context)
    let store = MemoryPassStore()
    let stage = try DenoisingStage(
      denoiser, transformer: transformer, portraitEncoder: portraitEncoder, conditions: conditions,
      parameters: parameters, store: store)
    var state = try DenoisingState(noise: noise(), windowCount: windows.count)
    var latents = [try state.latents.copied(on: context)]
    var (computed, made) = (0, 0)
    var duration = Duration.zero
    while state.step < denoiser.stepCount {
      let start = ContinuousClock.now
      if try stage.advance(&state, { _ in }) { computed += 1 } else { made += 1 }
      duration += .now - start
      store.keep(only: state.keptPasses)
      if state.window == 0 { latents.append(try state.latents.copied(on: context)) }
    }
    return Outcome(
      latents: latents, computedCount: computed, madeCount: made,
      fallbackCount: state.passes.reduce(0) { $0 + $1.fallbackCount },
      seconds: duration / .seconds(1))
  }

  /// TeaCache such that so many steps of a run are computed, or the fewest above them.
  ///
  /// - Parameters:
  ///   - count: of the run's steps.
  ///   - startSteps: those at the beginning.
  /// - Throws: `TensorError`.
  package func teaCache(
    computing count: Int, startSteps: Int, of schedule: NoiseSchedule
  ) throws -> TeaCache {
    let embeddings = try schedule.timesteps.map { try transformer.timeConditions($0).e0 }
    var best: (cache: TeaCache, excess: Int)?
    var cache = TeaCache()
    cache.startSteps = startSteps
    cache.threshold = TeaCache.Limits.threshold.upperBound
    // Downwards by parts of a hundred: of several that do, the largest.
    while cache.threshold > 1e-4 {
      let computed = try cache.computedSteps(embeddings: embeddings).filter { $0 }.count
      let excess = computed - count
      if excess >= 0, excess < best?.excess ?? .max { best = (cache, excess) }
      if excess == 0 { break }
      cache.threshold *= 0.99
    }
    return best?.cache ?? cache
  }
}

/// Root-mean-square distance of values from others, relative to those.
func relativeDistance(_ values: [Float], _ others: [Float]) -> Double {
  rootMeanSquare(zip(values, others).map { $0 - $1 }) / rootMeanSquare(others)
}

func rootMeanSquare(_ values: [Float]) -> Double {
  (values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)).squareRoot()
}
