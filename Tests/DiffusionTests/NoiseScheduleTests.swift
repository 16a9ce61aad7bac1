import Diffusion
import Testing

@Suite struct NoiseScheduleTests {
  @Test(arguments: SamplerKind.allCases, [1, 2, 3, 4, 10, 30, 50, 1000])
  func levelsFallToThePicture(kind: SamplerKind, steps: Int) throws {
    for shift in [0.5, 1, 3, 5, 12.5] {
      let schedule = try kind.sampler(steps: steps, shift: shift).schedule
      #expect(schedule.stepCount == steps && schedule.sigmas.count == steps + 1)
      #expect(schedule.sigmas[0] <= 1 && schedule.sigmas[0] > 0.99 && schedule.sigmas[steps] == 0)
      #expect(zip(schedule.sigmas, schedule.sigmas.dropFirst()).allSatisfy { $0 > $1 })
      #expect(schedule.timesteps.allSatisfy { (0...1000).contains($0) })
      // What the network is told is the level itself, or that cut to a whole number.
      for (sigma, timestep) in zip(schedule.sigmas, schedule.timesteps) {
        #expect(timestep <= 1000 * sigma + 1e-4 && timestep > 1000 * sigma - 1.0001)
        #expect(kind == .flow || timestep == timestep.rounded())
      }
    }
  }

  /// 1 - 3 · 0.1 is a little below 0.7, and what that is shifted to a little below 0.875.
  @Test func theOrderOfOperationsCounts() throws {
    #expect(try NoiseSchedule.dpm(steps: 10, shift: 3).timesteps[3] == 874)
    #expect(try NoiseSchedule.dpm(steps: 4, shift: 1).timesteps == [1000, 750, 500, 250])
  }

  @Test func oneStep() throws {
    let shift = 5.0
    #expect(try NoiseSchedule.euler(steps: 1, shift: shift).sigmas == [1, 0])
    #expect(try NoiseSchedule.dpm(steps: 1, shift: shift).sigmas == [1, 0])
    #expect(try NoiseSchedule.uniPC(steps: 1, shift: shift).timesteps == [999])
  }

  @Test func distilledSteps() throws {
    let schedule = try NoiseSchedule.distilled(shift: 5)
    #expect(schedule.sigmas == [1, 0.9375, Double(Float(5.0 / 6)), 0.625, 0])
    #expect(try NoiseSchedule.distilled(steps: [600], shift: 1).timesteps == [600])
    for steps in [[], [1001, 500], [500, 500], [250, 500], [500, 0]] {
      #expect(throws: DiffusionError.distilledSteps(steps)) {
        try NoiseSchedule.distilled(steps: steps, shift: 5)
      }
    }
    #expect(throws: DiffusionError.shift(0, steps: 4)) { try NoiseSchedule.distilled(shift: 0) }
  }

  @Test(arguments: SamplerKind.allCases)
  func impossibleSchedulesAreRefused(kind: SamplerKind) {
    for steps in [0, -3, 1001, Int.max] {
      #expect(throws: DiffusionError.steps(steps, limit: 1000)) {
        try kind.sampler(steps: steps, shift: 5)
      }
    }
    // With the last, all levels are pure noise in float32.
    for shift in [0, -1, .infinity, -.infinity, 1e12] {
      #expect(throws: DiffusionError.shift(shift, steps: 4)) {
        try kind.sampler(steps: 4, shift: shift)
      }
    }
    #expect(throws: DiffusionError.self) { try kind.sampler(steps: 4, shift: .nan) }
  }

  @Test func kindsHaveTheirSamplers() throws {
    #expect(try SamplerKind.flow.sampler(steps: 3, shift: 5) is EulerSampler)
    #expect(try SamplerKind.flowUniPC.sampler(steps: 3, shift: 5) is UniPCSampler)
    #expect(try SamplerKind.flowDPM.sampler(steps: 3, shift: 5) is DPMSampler)
  }
}
