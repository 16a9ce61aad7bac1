import Diffusion
import TensorCore
import Testing

@Suite struct TeaCacheTests {
  private func cache(_ threshold: Double, startSteps: Int = 1) -> TeaCache {
    var cache = TeaCache()
    (cache.threshold, cache.startSteps) = (threshold, startSteps)
    return cache
  }

  /// Embeddings of which each lies 3 % from the one before; the polynomial makes that 0.18537.
  private func embeddings(_ count: Int) throws -> [Tensor] {
    var value = 1.0
    return try (0..<count).map { _ in
      defer { value *= 1.03 }
      return try Tensor([Float(value), Float(-value)], shape: [1, 2])
    }
  }

  /// 0.18537, 0.37075, 0.55612: below the threshold a step is left out, and the sum goes on.
  @Test(arguments: [
    (0.1853, "111111111"), (0.1855, "101010101"), (0.3707, "101010101"), (0.3709, "100100100"),
    (0.556, "100100100"), (0.5563, "100010001"), (0, "111111111"),
  ])
  func thresholds(threshold: Double, steps: String) throws {
    let computed = try cache(threshold).computedSteps(embeddings: embeddings(9))
    #expect(computed.map { $0 ? "1" : "0" }.joined() == steps)
  }

  /// The first steps run, and what they are apart does not count.
  @Test(arguments: [(0, "100100100"), (1, "100100100"), (3, "111001001"), (20, "111111111")])
  func firstSteps(startSteps: Int, steps: String) throws {
    let computed = try cache(0.5, startSteps: startSteps).computedSteps(embeddings: embeddings(9))
    #expect(computed.map { $0 ? "1" : "0" }.joined() == steps)
  }

  /// (1 + 1 + 2) / (1 + 3 + 4), relative to the step before.
  @Test func distances() throws {
    let embeddings = try [[1, -3, 4], [2, -4, 2], [2, -4, 2]].map {
      try Tensor($0, shape: [3])
    }
    let choices = try cache(600).choices(embeddings: embeddings)
    #expect(choices.map(\.distance) == [0, 0.5, 0])
    #expect(choices.map(\.isComputed) == [true, true, false])
    #expect(choices[1].accumulated == 0 && choices[2].accumulated == TeaCache.rescaled(0))
  }

  /// 8107.0546 / 16 + 2133.93892 / 8 - 372.934672 / 4 + 16.6203073 / 2 - 0.0417769401.
  @Test func polynomial() {
    #expect(abs(TeaCache.rescaled(0.5) - 688.4679862099) < 1e-9)
    #expect(TeaCache.rescaled(0) == -0.0417769401)
  }

  /// A distance that is no number is no reason to leave a step out.
  @Test func whatIsNoNumberIsComputed() throws {
    let embeddings = try [[0], [1], [.nan], [1], [1]].map {
      try Tensor($0, shape: [1])
    }
    let computed = try cache(0.2).computedSteps(embeddings: embeddings)
    #expect(computed == [true, true, true, true, false])
  }

  @Test func noSteps() throws {
    #expect(try TeaCache().computedSteps(embeddings: []).isEmpty)
  }
}
