import Foundation
import TensorCore

/// A step of a solver that works on the predicted picture and on the logarithm of the ratio of picture
/// to noise, λ (DPM-Solver++, arXiv 2211.01095; UniPC, arXiv 2302.04867).
///
/// At noise level σ the latents are (1 - σ) picture + σ noise. Then α e^-h, the factor of the latents, is
/// σ' / σ, and what the picture gains is 1 - σ' / σ: no logarithm of 0 at either end of the schedule.
struct SolverStep {
  /// Of the latents.
  let kept: Double
  /// Of the picture that is predicted at the step's beginning.
  let gained: Double
  /// λ at the end minus λ at the beginning; infinite from pure noise, and to the picture.
  let distance: Double
  /// This distance divided by that of the step before; 0 where that one is infinite.
  let ratio: Double

  init(_ schedule: NoiseSchedule, _ step: Int) {
    let sigmas = schedule.sigmas
    func distance(_ step: Int) -> Double {
      Self.lambda(sigmas[step + 1]) - Self.lambda(sigmas[step])
    }
    kept = sigmas[step + 1] / sigmas[step]
    gained = 1 - kept
    self.distance = distance(step)
    ratio = step == 0 ? 0 : distance(step) / distance(step - 1)
  }

  private static func lambda(_ sigma: Double) -> Double { log((1 - sigma) / sigma) }

  /// The picture that a velocity points to.
  static func picture(
    _ latents: Tensor, velocity: Tensor, _ schedule: NoiseSchedule, _ step: Int,
    on context: ComputeContext
  ) throws -> Tensor {
    try latents.adding(velocity, times: -Float(schedule.sigmas[step]), on: context)
  }

  /// The latents after the step, to first order, which is Euler's method; or to second order, by the
  /// picture's change since the step before (`dpm_solver_second_order_update` with midpoints,
  /// `multistep_uni_p_bh_update`).
  ///
  /// - Parameter former: the picture predicted a step earlier; nil for first order.
  func predicted(
    _ latents: Tensor, picture: Tensor, former: Tensor?, on context: ComputeContext
  ) throws -> Tensor {
    guard let former else {
      return try .weightedSum([(kept, latents), (gained, picture)], on: context)
    }
    let change = gained * 0.5 * ratio
    return try .weightedSum(
      [(kept, latents), (gained + change, picture), (-change, former)], on: context)
  }
}
