import Foundation
import TensorCore

/// UniPC of second order along the flow (Wan `FlowUniPCMultistepScheduler`: "bh2", prediction of the
/// picture): before a step, the corrector does the last one again with what the network says about its
/// end. The first and the last step, and the first correction, are of first order.
package struct UniPCSampler: Sampler {
  package let schedule: NoiseSchedule

  package init(_ schedule: NoiseSchedule) { self.schedule = schedule }

  /// The picture that the step before has predicted.
  private static let picture = "picture"
  /// The corrected latents but for the part of the picture that is not predicted yet.
  private static let correction = "correction"

  private func isSecondOrder(_ step: Int) -> Bool { step > 0 && step < schedule.stepCount - 1 }

  package func advance(
    _ latents: Tensor, velocity: Tensor, step: Int, history: inout SamplerHistory,
    on context: ComputeContext
  ) throws -> Tensor {
    let picture = try SolverStep.picture(latents, velocity: velocity, schedule, step, on: context)
    var corrected = latents
    if step > 0 {
      corrected = try .weightedSum(
        [
          (1, try history.tensor(Self.correction, for: step)),
          (corrector(of: step - 1).next, picture),
        ], on: context)
    }
    let former = isSecondOrder(step) ? try history.tensor(Self.picture, for: step) : nil
    history.tensors = [:]
    if step < schedule.stepCount - 1 {
      let weights = corrector(of: step)
      let correction = [(weights.latents, corrected), (weights.picture, picture)]
      history.tensors[Self.picture] = picture
      history.tensors[Self.correction] = try .weightedSum(
        correction + (former.map { [(weights.former, $0)] } ?? []), on: context)
    }
    return try SolverStep(schedule, step).predicted(
      corrected, picture: picture, former: former, on: context)
  }

  /// What the corrected end of a step is the sum of.
  private struct Corrector {
    /// Of the latents at the step's beginning.
    let latents: Double
    /// Of the pictures predicted one step before, at the beginning and at the end.
    let former: Double
    let picture: Double
    let next: Double
  }

  /// The corrector of a step that is not the last (`multistep_uni_c_bh_update`).
  private func corrector(of step: Int) -> Corrector {
    let solver = SolverStep(schedule, step)
    // The shares of the picture's change: since the step before, and over this step.
    var (before, over) = (0.0, 0.5)
    if isSecondOrder(step) {
      // R ρ = b with R = [1, 1; r, 1], where r is the place of the step before.
      let h = -solver.distance
      let all = expm1(h)
      let first = (all / h - 1) / all
      let second = ((all / h - 1) / h - 0.5) * 2 / all
      let place = -1 / solver.ratio
      before = (second - first) / (place - 1) * solver.ratio
      over = first - (second - first) / (place - 1)
    }
    return Corrector(
      latents: solver.kept, former: -solver.gained * before,
      picture: solver.gained * (1 + before - over), next: solver.gained * over)
  }
}
