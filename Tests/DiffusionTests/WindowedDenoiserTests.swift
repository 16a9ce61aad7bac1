import Diffusion
import Foundation
import TensorCore
import TestSupport
import Testing

/// A sampler whose next latents are the velocity: tests say themselves what windows write.
private struct EchoSampler: Sampler {
  let schedule: NoiseSchedule

  init(steps: Int) throws { schedule = try .euler(steps: steps, shift: 1) }

  func advance(
    _ latents: Tensor, velocity: Tensor, step: Int, history: inout SamplerHistory,
    on context: ComputeContext
  ) throws -> Tensor { velocity }
}

@Suite struct WindowedDenoiserTests {
  private struct Stopped: Error {}

  private func contexts(_ threads: Int) throws -> ComputeContext {
    try ComputeContext(instructionSet: .best, threadCount: threads)
  }

  private func denoiser(
    _ sampler: any Sampler, frames: Int, size: Int, overlap: Int, guidance: Guidance = .none,
    skippedShare: Double = 0, blendType: DType = .f32, threads: Int = 2
  ) throws -> WindowedDenoiser {
    try WindowedDenoiser(
      windows: ContextWindows(latentFrames: frames, size: size, overlap: overlap),
      sampler: sampler, guidance: guidance, skippedShare: skippedShare, blendType: blendType,
      on: contexts(threads))
  }

  /// `[2, frames, 2, 3]`.
  private func noise(_ frames: Int) throws -> Tensor {
    var generator = MersenneGenerator(seed: 7)
    return try generator.normal([2, frames, 2, 3])
  }

  /// A network that looks at latents, place and time.
  private func predict(_ input: WindowedDenoiser.WindowInput) throws -> [Tensor] {
    let values = try input.latents.floats()
    return try input.predictions.indices.map { number in
      let shift = 0.1 * Float(number) + 0.01 * Float(input.frames.lowerBound)
      return try Tensor(
        values.map { sin(3 * $0 + shift) * Float(input.timestep) / 1000 },
        shape: input.latents.shape)
    }
  }

  private func result(_ denoiser: WindowedDenoiser, _ noise: Tensor) throws -> [UInt8] {
    var state = try DenoisingState(noise: noise, windowCount: denoiser.windows.count)
    while state.step < denoiser.stepCount { try denoiser.advance(&state, predict: predict) }
    return try state.latents.bytes()
  }

  // MARK: Blending

  /// Frame by frame, what stands in the first channel after so many steps in which window w writes
  /// 10 (w + 1) everywhere.
  private func written(
    frames: Int, size: Int, overlap: Int, steps: Int, blendType: DType = .f32,
    value: (Int) -> Float = { Float(10 * ($0 + 1)) }
  ) throws -> [Float] {
    let denoiser = try denoiser(
      EchoSampler(steps: 3), frames: frames, size: size, overlap: overlap, blendType: blendType)
    var state = try DenoisingState(noise: noise(frames), windowCount: denoiser.windows.count)
    while state.step < steps {
      try denoiser.advance(&state) { input in
        let values = [Float](repeating: value(input.window), count: input.latents.count)
        return [try Tensor(values, shape: input.latents.shape)]
      }
    }
    let planes = try state.latents.floats()
    return (0..<frames).map { planes[$0 * 6] }
  }

  @Test func theFirstStepOverwrites() throws {
    #expect(
      try written(frames: 9, size: 5, overlap: 2, steps: 1)
        == [10, 10, 10, 20, 30, 30, 30, 30, 30])
  }

  /// Windows 0 ..< 5, 3 ..< 8, 4 ..< 9: the last shares four frames with what the second has written.
  @Test func laterStepsBlend() throws {
    let second: [Float] = [10, 20, 20, 20, 20]
    let third = (0..<4).map { (j: Int) -> Float in
      let weight = Float(j) / 3
      return 30 * weight + second[j + 1] * (1 - weight)
    }
    for steps in [2, 3] {
      let got = try written(frames: 9, size: 5, overlap: 2, steps: steps)
      #expect(got == [10, 10, 10, second[0]] + third + [30], "\(got)")
    }
  }

  /// The ends of an overlap are one window's alone, to the last bit.
  @Test func blendingIsExactAtTheEnds() throws {
    for values in [[0.1, 1e8 / 3], [1e8 / 3, 0.1]] as [[Float]] {
      let got = try written(frames: 7, size: 5, overlap: 3, steps: 2) { values[$0] }
      #expect(Array(got[0...2]) == [values[0], values[0], values[0]])
      #expect(Array(got[4...6]) == [values[1], values[1], values[1]])
    }
  }

  @Test func anOverlapOfOneFrameIsHalfAndHalf() throws {
    #expect(
      try written(frames: 9, size: 5, overlap: 1, steps: 2)
        == [10, 10, 10, 10, 15, 20, 20, 20, 20])
  }

  @Test func windowsWithoutOverlap() throws {
    #expect(
      try written(frames: 6, size: 3, overlap: 0, steps: 3) == [10, 10, 10, 20, 20, 20])
  }

  /// As published: the whole later window, but nothing in the first step.
  @Test func roundingToBfloat16() throws {
    let values: [Float] = [0.1, 0.3]
    let rounded = try Tensor([0.2, 0.3], shape: [2]).converted(to: .bf16).floats()
    func got(steps: Int) throws -> [Float] {
      try written(frames: 5, size: 3, overlap: 1, steps: steps, blendType: .bf16) { values[$0] }
    }
    #expect(try got(steps: 1) == [0.1, 0.1, 0.3, 0.3, 0.3])
    #expect(try got(steps: 2) == [0.1, 0.1, rounded[0], rounded[1], rounded[1]])
  }

  // MARK: Windows and their histories

  /// Windows that share nothing are clips of their own: no sampler mixes them.
  @Test(arguments: SamplerKind.allCases)
  func windowsHaveTheirOwnHistory(kind: SamplerKind) throws {
    let sampler = try kind.sampler(steps: 6, shift: 5)
    let whole = try noise(8)
    let together = try denoiser(sampler, frames: 8, size: 4, overlap: 0)
    func run(
      _ denoiser: WindowedDenoiser, _ noise: Tensor, from first: Int
    ) throws -> Tensor {
      var state = try DenoisingState(noise: noise, windowCount: denoiser.windows.count)
      while state.step < denoiser.stepCount {
        try denoiser.advance(&state) { input in
          // Each window has a network of its own, told by its first frame.
          let place = Float(first + input.frames.lowerBound)
          return [
            try Tensor(
              input.latents.floats().map { sin(3 * $0 + place) }, shape: input.latents.shape)
          ]
        }
      }
      return state.latents
    }
    let halves = try [0..<4, 4..<8].map { range in
      try run(
        denoiser(sampler, frames: 4, size: 4, overlap: 0),
        Tensor(whole.sliced(range, axis: 1).contiguous().floats(), shape: [2, 4, 2, 3]),
        from: range.lowerBound)
    }
    let all = try run(together, whole, from: 0)
    for (index, half) in halves.enumerated() {
      let part = try all.sliced(4 * index..<4 * index + 4, axis: 1).bytes()
      #expect(try part.elementsEqual(half.bytes()))
    }
  }

  /// A run that is kept and taken up between any two windows ends with the same bytes.
  @Test(arguments: SamplerKind.allCases)
  func aKeptRunGoesOnToTheSameBytes(kind: SamplerKind) throws {
    let denoiser = try denoiser(
      kind.sampler(steps: 4, shift: 5), frames: 11, size: 6, overlap: 3,
      guidance: Guidance(textScale: 3, expressionScale: 4))
    let expected = try result(denoiser, noise(11))
    let count = denoiser.windows.count
    for stop in 0..<denoiser.stepCount * count {
      var state = try DenoisingState(noise: noise(11), windowCount: count)
      for _ in 0..<stop { try denoiser.advance(&state, predict: predict) }
      let kept = try state.tensors.map { name, tensor in
        (name, try Tensor(tensor.floats(), shape: tensor.shape))
      }
      // The run that goes on must not count for the kept one.
      try denoiser.advance(&state, predict: predict)
      var restored = try DenoisingState(
        step: stop / count, window: stop % count, passes: state.passes,
        tensors: Dictionary(uniqueKeysWithValues: kept))
      while restored.step < denoiser.stepCount {
        try denoiser.advance(&restored, predict: predict)
      }
      #expect(try restored.latents.bytes().elementsEqual(expected), "after window \(stop)")
    }
  }

  @Test func anIncompleteStateIsRefused() throws {
    let latents = try noise(4)
    func restore(
      _ tensors: [String: Tensor], window: Int = 0
    ) throws -> DenoisingState {
      try DenoisingState(
        step: 1, window: window, passes: [PassHistory(), PassHistory()], tensors: tensors)
    }
    #expect(try restore(["latents": latents]).step == 1)
    #expect(throws: DiffusionError.incompleteState(missing: "latents", step: 1)) {
      try restore([:])
    }
    #expect(throws: DiffusionError.incompleteState(missing: "output", step: 1)) {
      try restore(["latents": latents, "output": noise(3)], window: 1)
    }
    #expect(throws: DiffusionError.self) { try restore(["latents": latents], window: 2) }
  }

  @Test(arguments: SamplerKind.allCases)
  func threadsDoNotCount(kind: SamplerKind) throws {
    let results = try [1, 2, 5].map { threads in
      try result(
        denoiser(
          kind.sampler(steps: 4, shift: 5), frames: 11, size: 6, overlap: 3,
          guidance: Guidance(textScale: 1, expressionScale: 4), threads: threads), noise(11))
    }
    #expect(results[1].elementsEqual(results[0]))
    #expect(results[2].elementsEqual(results[0]))
  }

  // MARK: Short clips and runs

  @Test(arguments: SamplerKind.allCases, [1, 2])
  func shortClipsAndRuns(kind: SamplerKind, steps: Int) throws {
    for frames in [1, 5] {
      let denoiser = try denoiser(
        kind.sampler(steps: steps, shift: 5), frames: frames, size: 51, overlap: 30)
      #expect(denoiser.passCount == steps)
      var state = try DenoisingState(noise: noise(frames), windowCount: 1)
      let shape = state.latents.shape
      let picture = [Float](repeating: 0.75, count: shape.count)
      while state.step < steps {
        let sigma = Float(denoiser.sampler.schedule.sigmas[state.step])
        try denoiser.advance(&state) { input in
          [
            try Tensor(
              zip(input.latents.floats(), picture).map { ($0 - $1) / sigma }, shape: shape)
          ]
        }
      }
      #expect(try state.latents.floats().allSatisfy { abs($0 - 0.75) < 1e-5 })
    }
  }

  // MARK: What the network is asked for

  @Test func inputsOfEachWindow() throws {
    let denoiser = try denoiser(
      EchoSampler(steps: 4), frames: 7, size: 5, overlap: 2,
      guidance: Guidance(textScale: 3, expressionScale: 4), skippedShare: 0.5)
    #expect(denoiser.guidedSteps == 2)
    #expect(denoiser.passCount == 2 * (2 * 3 + 2 * 1))
    var state = try DenoisingState(noise: noise(7), windowCount: 2)
    var passes = 0
    for call in 0..<8 {
      let stored = try state.latents.floats()
      try denoiser.advance(&state) { input in
        #expect(input.step == call / 2 && input.window == call % 2)
        #expect(input.frames == [0..<5, 2..<7][call % 2])
        #expect(input.timestep == denoiser.sampler.schedule.timesteps[call / 2])
        #expect(input.predictions.count == (call < 4 ? 3 : 1))
        // All windows see the latents as they were when the step began.
        let values = try input.latents.floats()
        let wanted = (0..<2).flatMap { channel in
          input.frames.flatMap { frame in
            let start = (channel * 7 + frame) * 6
            return stored[start..<start + 6]
          }
        }
        let isSame = values == wanted
        #expect(isSame)
        passes += input.predictions.count
        return input.predictions.map { _ in input.latents }
      }
    }
    #expect(state.step == 4 && state.window == 0)
    #expect(passes == denoiser.passCount)
  }

  /// A network that fails, or is stopped, leaves the run as it was.
  @Test func whatThrowsChangesNothing() throws {
    let denoiser = try denoiser(
      SamplerKind.flowUniPC.sampler(steps: 4, shift: 5), frames: 7, size: 5, overlap: 2)
    let expected = try result(denoiser, noise(7))
    var state = try DenoisingState(noise: noise(7), windowCount: 2)
    while state.step < denoiser.stepCount {
      let place = [state.step, state.window]
      #expect(throws: Stopped.self) { try denoiser.advance(&state) { _ in throw Stopped() } }
      #expect([state.step, state.window] == place)
      try denoiser.advance(&state, predict: predict)
    }
    #expect(try state.latents.bytes().elementsEqual(expected))
  }
}
