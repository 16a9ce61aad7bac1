/// The noise levels of a run, from noise to picture.
///
/// They are computed in float64 and rounded to float32, in the order of operations of the published
/// code: timesteps that are cut to whole numbers depend on it (0.875 can come out as 874).
package struct NoiseSchedule: Sendable, Equatable {
  /// One more than there are steps; falling, the last is 0.
  package let sigmas: [Double]
  /// What the network is told at each step, 0 to 1000.
  package let timesteps: [Double]

  package var stepCount: Int { timesteps.count }

  /// Noise levels that the model was trained at: there are no more steps than these.
  package static let trainingSteps = 1000

  private init(sigmas: [Double], timesteps: [Double]) {
    self.sigmas = sigmas
    self.timesteps = timesteps
  }

  /// Of Euler's method (diffusers `FlowMatchEulerDiscreteScheduler.set_timesteps`): the ends of the
  /// training's levels are shifted already, so the least level is shifted twice.
  ///
  /// - Throws: `DiffusionError.steps`, `.shift`.
  package static func euler(steps: Int, shift: Double) throws -> NoiseSchedule {
    try checked(steps, shift) {
      // The training's levels are float32.
      let factor = Float(shift)
      let last = factor * 0.001 / (1 + Float(shift - 1) * 0.001)
      let sigmas = evenly(from: 1000, to: Double(last) * 1000, count: steps).map {
        rounded(shifted($0 / 1000, by: shift))
      }
      return NoiseSchedule(
        sigmas: sigmas + [0], timesteps: sigmas.map { Double(Float($0) * 1000) })
    }
  }

  /// Of UniPC (Wan `FlowUniPCMultistepScheduler.set_timesteps`): from the level below pure noise.
  ///
  /// - Throws: `DiffusionError.steps`, `.shift`.
  package static func uniPC(steps: Int, shift: Double) throws -> NoiseSchedule {
    try multistep(from: Double(Float(0.999)), steps: steps, shift: shift)
  }

  /// Of DPM++ (Wan `get_sampling_sigmas`, `FlowDPMSolverMultistepScheduler.set_timesteps`): from pure
  /// noise.
  ///
  /// - Throws: `DiffusionError.steps`, `.shift`.
  package static func dpm(steps: Int, shift: Double) throws -> NoiseSchedule {
    try multistep(from: 1, steps: steps, shift: shift)
  }

  /// Of a model that was distilled to a few steps (FlashPortrait `fast_infer.py`).
  ///
  /// - Parameter steps: levels of the training, counted from 1000 downwards.
  /// - Throws: `DiffusionError.distilledSteps`, `.shift`.
  package static func distilled(
    steps: [Int] = [1000, 750, 500, 250], shift: Double
  ) throws -> NoiseSchedule {
    let isFalling = zip(steps, steps.dropFirst()).allSatisfy { $0 > $1 }
    guard let first = steps.first, let last = steps.last, isFalling, first <= trainingSteps,
      last > 0
    else { throw DiffusionError.distilledSteps(steps) }
    return try checked(steps.count, shift) {
      let sigmas = steps.map { rounded(shifted(Double($0) / Double(trainingSteps), by: shift)) }
      return NoiseSchedule(
        sigmas: sigmas + [0], timesteps: sigmas.map { Double(Float($0) * 1000) })
    }
  }

  private static func multistep(
    from first: Double, steps: Int, shift: Double
  ) throws -> NoiseSchedule {
    try checked(steps, shift) {
      let sigmas = evenly(from: first, to: 0, count: steps + 1).dropLast().map {
        shifted($0, by: shift)
      }
      return NoiseSchedule(
        sigmas: sigmas.map(rounded) + [0],
        timesteps: sigmas.map { ($0 * 1000).rounded(.towardZero) })
    }
  }

  /// - Throws: `DiffusionError.steps`, `.shift` also where two levels fall together.
  private static func checked(
    _ steps: Int, _ shift: Double, _ make: () -> NoiseSchedule
  ) throws -> NoiseSchedule {
    guard (1...trainingSteps).contains(steps) else {
      throw DiffusionError.steps(steps, limit: trainingSteps)
    }
    guard shift.isFinite, shift > 0 else { throw DiffusionError.shift(shift, steps: steps) }
    let schedule = make()
    guard zip(schedule.sigmas, schedule.sigmas.dropFirst()).allSatisfy({ $0 > $1 }) else {
      throw DiffusionError.shift(shift, steps: steps)
    }
    return schedule
  }

  private static func shifted(_ sigma: Double, by shift: Double) -> Double {
    shift * sigma / (1 + (shift - 1) * sigma)
  }

  private static func rounded(_ sigma: Double) -> Double { Double(Float(sigma)) }

  /// NumPy's `linspace`, to the last bit.
  private static func evenly(from first: Double, to last: Double, count: Int) -> [Double] {
    guard count > 1 else { return [first] }
    let step = (last - first) / Double(count - 1)
    return (0..<count).map { $0 == count - 1 ? last : Double($0) * step + first }
  }
}
