import Diffusion
import Foundation
import TensorCore
import Testing

/// The samplers against differential equations whose solutions are known.
@Suite struct SamplerTests {
  private static let context = ComputeContext.shared

  /// Latents after all steps.
  ///
  /// - Parameter velocity: of a value at a noise level.
  private func run(
    _ sampler: any Sampler, from start: [Float],
    velocity: (_ x: Float, _ index: Int, _ sigma: Float) -> Float
  ) throws -> [Float] {
    var latents = try Tensor(start, shape: [1, 1, 1, start.count])
    var history = SamplerHistory()
    for step in 0..<sampler.schedule.stepCount {
      let sigma = Float(sampler.schedule.sigmas[step])
      let values = try latents.floats().enumerated().map { velocity($1, $0, sigma) }
      latents = try sampler.advance(
        latents, velocity: Tensor(values, shape: latents.shape), step: step, history: &history,
        on: Self.context)
    }
    #expect(history.tensors.isEmpty)
    return try latents.floats()
  }

  /// If the network always sees the same picture, that is where every sampler ends.
  @Test(arguments: SamplerKind.allCases, [1, 2, 3, 4, 30])
  func aKnownPictureIsReached(kind: SamplerKind, steps: Int) throws {
    let picture: [Float] = [0.5, -2, 3, 0]
    let end = try run(
      kind.sampler(steps: steps, shift: 5), from: [1, -1, 0.25, 2]
    ) { x, index, sigma in (x - picture[index]) / sigma }
    #expect(zip(end, picture).allSatisfy { abs($0 - $1) < 2e-6 }, "\(end)")
  }

  /// Pictures that are normally distributed with deviation 2: the latents at a level follow their own
  /// deviation, and so end at twice what they began with.
  private func error(_ kind: SamplerKind, steps: Int) throws -> Float {
    let sampler = try kind.sampler(steps: steps, shift: 3)
    func deviation(_ sigma: Float) -> Float {
      ((1 - sigma) * (1 - sigma) * 4 + sigma * sigma).squareRoot()
    }
    let start = deviation(Float(sampler.schedule.sigmas[0]))
    let end = try run(sampler, from: [start]) { x, _, sigma in
      let picture = x * 4 * (1 - sigma) / (deviation(sigma) * deviation(sigma))
      return (x - picture) / sigma
    }
    return abs(end[0] - 2) / 2
  }

  @Test func ordersOfConvergence() throws {
    // Halving the steps of a method of first order halves the error.
    let euler = try [20, 40].map { try error(.flow, steps: $0) }
    #expect((1.6...2.4).contains(euler[0] / euler[1]), "\(euler)")
    // Of second order: a quarter, but for what the steps of first order at both ends cost.
    for kind in [SamplerKind.flowDPM, .flowUniPC] {
      let errors = try [20, 40].map { try error(kind, steps: $0) }
      #expect(errors[0] / errors[1] > 2.5, "\(kind) \(errors)")
      #expect(errors[0] < euler[0] / 4, "\(kind) \(errors), Euler \(euler)")
    }
  }

  /// The step before is what makes the second order.
  @Test(arguments: [SamplerKind.flowDPM, .flowUniPC])
  func historyCounts(kind: SamplerKind) throws {
    let sampler = try kind.sampler(steps: 5, shift: 5)
    let latents = try Tensor([1, 2], shape: [1, 1, 1, 2])
    var histories = [SamplerHistory(), SamplerHistory()]
    let results = try [Float(0.5), -0.5].enumerated().map { index, velocity in
      var x = latents
      for step in 0..<3 {
        let v = step < 2 ? velocity : 0.25
        x = try sampler.advance(
          step < 2 ? x : latents, velocity: Tensor([v, v], shape: x.shape), step: step,
          history: &histories[index], on: Self.context)
      }
      return try x.floats()
    }
    #expect(results[0] != results[1])
    #expect(!histories[0].tensors.isEmpty)
  }

  /// What plans count memory by.
  @Test(arguments: SamplerKind.allCases)
  func historiesAreAsLargeAsTheKindSays(kind: SamplerKind) throws {
    let sampler = try kind.sampler(steps: 6, shift: 5)
    var latents = try Tensor([1, 2], shape: [1, 1, 1, 2])
    var history = SamplerHistory()
    for step in 0..<5 {
      latents = try sampler.advance(
        latents, velocity: latents, step: step, history: &history, on: Self.context)
      #expect(history.tensors.count == kind.historyCount)
      #expect(history.tensors.values.allSatisfy { $0.shape == latents.shape })
    }
  }

  @Test(arguments: [SamplerKind.flowDPM, .flowUniPC])
  func aMissingHistoryIsAnError(kind: SamplerKind) throws {
    let sampler = try kind.sampler(steps: 5, shift: 5)
    let latents = try Tensor([1, 2], shape: [1, 1, 1, 2])
    var history = SamplerHistory()
    #expect(throws: DiffusionError.self) {
      try sampler.advance(
        latents, velocity: latents, step: 2, history: &history, on: Self.context)
    }
  }

  @Test(arguments: SamplerKind.allCases)
  func latentsAreLeftAlone(kind: SamplerKind) throws {
    let sampler = try kind.sampler(steps: 4, shift: 5)
    var latents = try Tensor([1, -2, 3], shape: [1, 1, 1, 3])
    let velocity = try Tensor([0.5, 0.25, -1], shape: [1, 1, 1, 3])
    var history = SamplerHistory()
    for step in 0..<4 {
      let before = try latents.floats()
      let kept = try history.tensors.mapValues { ($0, try $0.floats()) }
      let next = try sampler.advance(
        latents, velocity: velocity, step: step, history: &history, on: Self.context)
      #expect(try latents.floats() == before)
      #expect(try velocity.floats() == [0.5, 0.25, -1])
      for (tensor, values) in kept.values { #expect(try tensor.floats() == values) }
      latents = next
    }
  }
}
