import Checkpoints
import Layers
import TensorCore
import TestSupport
import Testing
import WanModels

/// Whether all branches are equal to the bit.
func same(_ a: [[Float]], _ b: [[Float]]) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { $0.elementsEqual($1) }
}

@Suite struct TransformerTests {
  @Test(arguments: [Arithmetic.f32, .bf16])
  func branchesTogetherAreWhatTheyAreAlone(_ arithmetic: Arithmetic) throws {
    let small = try SmallTransformer(arithmetic)
    let together = try small.run(small.branches)
    let alone = try small.branches.map { try small.run([$0])[0] }
    #expect(same(together, alone))
    #expect(!together[0].elementsEqual(together[1]))
    #expect(!together[1].elementsEqual(together[2]))
  }

  @Test(arguments: [Arithmetic.f32, .bf16])
  func threadsDoNotMatter(_ arithmetic: Arithmetic) throws {
    let one = try SmallTransformer(arithmetic, threads: 1)
    let four = try SmallTransformer(arithmetic, threads: 4)
    #expect(same(try one.run(one.branches), try four.run(four.branches)))
  }

  /// Keys and values that are kept, made anew at every use, and used a second time.
  @Test func keptKeysDoNotMatter() throws {
    let kept = try SmallTransformer()
    let fresh = try SmallTransformer(keepsKeys: false)
    let first = try kept.run(kept.branches)
    #expect(same(first, try kept.run(kept.branches)))
    #expect(same(first, try fresh.run(fresh.branches)))
    // One block's of three.
    #expect(fresh.portrait.byteCount > 0)
    #expect(3 * fresh.portrait.byteCount == kept.portrait.byteCount)
  }

  /// Weights that are read from a file block by block and given back.
  @Test func streamedWeightsAreTheSame() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/transformer.safetensors"
    let source = RecordingTensorSource()
    _ = try Transformer(
      SmallTransformer.config, weights: source, execution: Execution(arithmetic: .f32))
    try SafetensorsWriter.write(
      try source.declarations.map {
        ($0.name, try ProceduralWeights.tensor($0.name, shape: $0.shape, dtype: .bf16))
      }, to: path)
    let loader = try WeightLoader(
      network: "transformer", origins: [WeightOrigin(Checkpoint.open(path))])
    let resident = try SmallTransformer()
    let expected = try resident.run(resident.branches)
    for keeping in [0, 100_000, 1 << 30] {
      let streamed = try SmallTransformer(source: loader, residency: .streamed(keeping: keeping))
      #expect(same(expected, try streamed.run(streamed.branches)))
      #expect(same(expected, try streamed.run(streamed.branches)))
      #expect(streamed.transformer.secondsWaitedForWeights >= 0)
    }
    try loader.finish()
  }

  /// The embedded timestep is remembered, the context's keys too: neither for another step.
  @Test func stepsFollowOneAnother() throws {
    let small = try SmallTransformer()
    func velocity(_ transformer: Transformer, _ timestep: Double) throws -> [Float] {
      try transformer(
        SmallTransformer.noise("latents", SmallTransformer.window),
        condition: SmallTransformer.noise("condition", [20, 3, 6, 8]), timestep: timestep,
        grid: small.grid, branches: [small.branches[0]])[0].floats()
    }
    let steps = [900.0, 20, 20, 900]
    let inTurn = try steps.map { try velocity(small.transformer, $0) }
    #expect(!inTurn[0].elementsEqual(inTurn[1]))
    #expect(inTurn[1].elementsEqual(inTurn[2]) && inTurn[0].elementsEqual(inTurn[3]))
    let other = try SmallTransformer()
    #expect(inTurn[1].elementsEqual(try velocity(other.transformer, 20)))
  }

  @Test func everyBlockCanBeObserved() throws {
    let small = try SmallTransformer()
    var seen: [Int] = []
    var last: [[Float]] = []
    let outputs = try small.run(small.branches) { block, hidden in
      seen.append(block)
      last = try (0..<3).map { try hidden.branch($0).floats() }
    }
    #expect(seen == [0, 1, 2])
    // The head on what was seen last gives what the pass gave.
    let state = try small.transformer.embed(
      SmallTransformer.noise("latents", SmallTransformer.window),
      condition: SmallTransformer.noise("condition", [20, 3, 6, 8]), timestep: 321.5,
      grid: small.grid)
    let again = try last.map {
      try small.transformer.velocity(of: Tensor($0, shape: [36, 48]), state).floats()
    }
    #expect(same(outputs, again))
  }

  @Test func wrongInputsAreNamed() throws {
    let small = try SmallTransformer()
    let transformer = small.transformer
    for window: Shape in [
      [16, 3, 5, 8], [16, 3, 6, 7], [16, 0, 6, 8], [16, 3, 0, 8], [3, 6, 8],
    ] {
      #expect(throws: NetworkError.self) { try transformer.grid(latents: window) }
    }
    #expect(throws: NetworkError.self) {
      try transformer.grid(latents: SmallTransformer.window, sequenceLength: 35)
    }
    #expect(throws: NetworkError.self) {
      try transformer.textContext(SmallTransformer.noise("long", [13, 24]))
    }
    #expect(throws: NetworkError.self) {
      try transformer.portraitContext(SmallTransformer.noise("narrow", [3, 11, 27]))
    }
    #expect(throws: NetworkError.self) {
      try transformer(
        SmallTransformer.noise("latents", [16, 3, 6, 8]),
        condition: SmallTransformer.noise("condition", [19, 3, 6, 8]), timestep: 1,
        grid: small.grid, branches: small.branches)
    }
    let state = try transformer.embed(
      SmallTransformer.noise("latents", SmallTransformer.window),
      condition: SmallTransformer.noise("condition", [20, 3, 6, 8]), timestep: 1, grid: small.grid)
    for shape: Shape in [[35, 48], [36, 47], [36]] {
      #expect(throws: NetworkError.self) {
        try transformer.velocity(of: SmallTransformer.noise("states", shape), state)
      }
    }
    let manyFrames = try transformer.portraitContext(SmallTransformer.noise("many", [37, 2, 28]))
    #expect(throws: NetworkError.self) {
      try small.run([GuidanceBranch(text: small.text, image: small.image, portrait: manyFrames)])
    }
  }
}
