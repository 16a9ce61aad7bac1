import Diffusion
import TensorCore
import Testing

struct CleanEstimateTests {
  private let clean: [Float] = [1, -2, 0.5, 0, 3, -0.25]
  private let noise: [Float] = [-1, 0.5, 2, 1, -3, 0.75]

  private func latents(_ sigma: Double) throws -> Tensor {
    let share = Float(sigma)
    return try Tensor(
      zip(clean, noise).map { (1 - share) * $0 + share * $1 }, shape: [1, 2, 3, 1])
  }

  /// Sigmas that float32 holds exactly.
  @Test(arguments: [(1, 0.5), (0.75, 0.25), (0.5, 0.375), (0.25, 0.75), (0.5, 0)])
  func aStraightFlowEndsAtItsStart(sigmas: (Double, Double)) throws {
    let estimate = try CleanEstimate.latents(
      from: latents(sigmas.0), at: sigmas.0, to: latents(sigmas.1), at: sigmas.1)
    #expect(estimate.shape == [1, 2, 3, 1])
    #expect(try zip(estimate.floats(), clean).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  /// Euler's method goes straight from each state to the next.
  @Test func theVelocityOfAStepLeadsThere() throws {
    let sampler = EulerSampler(try .euler(steps: 5, shift: 5))
    let sigmas = sampler.schedule.sigmas
    let velocity = try Tensor(zip(noise, clean).map { $0 - $1 }, shape: [1, 2, 3, 1])
    var history = SamplerHistory()
    var state = try latents(sigmas[0])
    for step in 0..<4 {
      let next = try sampler.advance(
        state, velocity: velocity, step: step, history: &history, on: .shared)
      let estimate = try CleanEstimate.latents(
        from: state, at: sigmas[step], to: next, at: sigmas[step + 1])
      #expect(try zip(estimate.floats(), clean).allSatisfy { abs($0 - $1) < 1e-4 })
      state = next
    }
  }

  @Test func withoutALineTheLatestStateServes() throws {
    for (previous, next) in [(0.5, 0.0), (0.5, 0.5), (0, 0)] {
      let latest = try latents(next)
      let estimate = try CleanEstimate.latents(
        from: latents(1), at: previous, to: latest, at: next)
      #expect(try estimate.floats().elementsEqual(latest.floats()))
    }
  }
}
