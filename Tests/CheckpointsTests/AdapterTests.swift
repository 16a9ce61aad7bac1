import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct AdapterTests {
  private func source(_ file: RenamedTensors) throws -> WeightLoader {
    try WeightLoader(network: "network", origins: [WeightOrigin(file)])
  }

  private func tensor(_ shape: Shape, _ seed: UInt64) throws -> Tensor {
    var generator = MersenneGenerator(seed: seed)
    return try generator.normal(shape)
  }

  /// weight + scale * up * down, in plain loops.
  private func expected(_ weight: Tensor, _ up: Tensor, _ down: Tensor, _ scale: Float) throws
    -> [Float]
  {
    let (w, u, d) = (try weight.floats(), try up.floats(), try down.floats())
    let rows = weight.shape[0]
    let columns = weight.count / rows
    let rank = down.shape[0]
    return (0..<w.count).map { index in
      let (row, column) = (index / columns, index % columns)
      let sum = (0..<rank).reduce(0.0) {
        $0 + Double(u[row * rank + $1]) * Double(d[$1 * columns + column])
      }
      return w[index] + scale * Float(sum)
    }
  }

  @Test func videoConvolutionsAndAlpha() throws {
    let weight = try tensor([6, 3, 1, 2, 2], 1)
    let (down, up) = (try tensor([2, 3, 1, 2, 2], 2), try tensor([6, 2, 1, 1, 1], 3))
    let adapter = try Adapter(
      RenamedTensors([
        ("patch.lora_down.weight", down), ("patch.lora_up.weight", up),
        ("patch.alpha", try Tensor([4], shape: Shape([]))),
      ]))
    let base = RenamedTensors([("patch.weight", weight)])
    let merged = MergedTensorSource(
      try source(base), adapters: [WeightedAdapter(adapter, strength: 0.5)])
    let got = try merged.claim("patch.weight", shape: weight.shape).floats()
    let want = try expected(weight, up, down, 0.5 * 4 / 2)
    #expect(Comparison(got, want, .init(absolute: 1e-5, relative: 0)).failure == nil)
    #expect(try merged.finish()[0].merged == ["patch.weight"])
    // The base is as it was.
    #expect(try base.tensor("patch.weight").floats() == weight.floats())
  }

  @Test func bfloat16WeightsAreRoundedOnce() throws {
    let weight = try tensor([37, 50], 1).converted(to: .bf16)
    let adapter = try Adapter(
      RenamedTensors([
        ("a.lora_A.weight", try tensor([4, 50], 2)), ("a.lora_B.weight", try tensor([37, 4], 3)),
      ]))
    let merged = try [weight, weight.converted(to: .f32)].map { weight in
      try MergedTensorSource(
        try source(RenamedTensors([("a.weight", weight)])),
        adapters: [WeightedAdapter(adapter, strength: 0.3)]
      ).claim("a.weight", shape: weight.shape)
    }
    #expect(merged[0].dtype == .bf16)
    #expect(try merged[0].floats().elementsEqual(merged[1].converted(to: .bf16).floats()))
    // Whoever wants it in another type gets what a merged file would hold, unless told otherwise.
    for (rounds, expected) in [(true, merged[0]), (false, merged[1])] {
      let source = MergedTensorSource(
        try source(RenamedTensors([("a.weight", weight)])),
        adapters: [WeightedAdapter(adapter, strength: 0.3)], roundsAsStored: rounds)
      let wide = try source.claim("a.weight", shape: weight.shape, as: .f32)
      #expect(wide.dtype == .f32)
      #expect(try wide.floats().elementsEqual(expected.floats()), "\(rounds)")
    }
  }

  @Test func adaptersAddUp() throws {
    let weight = try tensor([37, 50], 1)
    let adapters = try (0..<3).map { seed in
      try Adapter(
        RenamedTensors([
          ("a.lora_A.weight", try tensor([4, 50], UInt64(10 + seed))),
          ("a.lora_B.weight", try tensor([37, 4], UInt64(20 + seed))),
        ]))
    }
    let base = RenamedTensors([("a.weight", weight)])
    let together = MergedTensorSource(
      try source(base), adapters: adapters.map { WeightedAdapter($0, strength: 0.25) })
    let got = try together.claim("a.weight", shape: weight.shape).floats()
    var one = weight
    for adapter in adapters {
      let file = RenamedTensors([("a.weight", one)])
      one = try MergedTensorSource(
        try source(file), adapters: [WeightedAdapter(adapter, strength: 0.25)]
      ).claim("a.weight", shape: weight.shape)
    }
    #expect(try one.floats() == got)
    try together.finish()
  }

  @Test func untouchedWeightsAreNotCopied() throws {
    let weight = try tensor([4, 4], 1)
    let base = RenamedTensors([("a.weight", weight), ("b.weight", weight)])
    let adapter = try Adapter(
      RenamedTensors([("a.diff", try tensor([4, 4], 2)), ("b.diff_b", try tensor([4], 3))]))
    let merged = MergedTensorSource(try source(base), adapters: [WeightedAdapter(adapter)])
    #expect(try merged.claim("b.weight", shape: [4, 4]).pointer == weight.pointer)
    #expect(try merged.claim("a.weight", shape: [4, 4]).pointer != weight.pointer)
    do {
      try merged.finish()
      Issue.record("finished")
    } catch CheckpointError.adapterMismatch(let report) {
      #expect(report.merged == ["a.weight"])
      #expect(report.misfits == [.init(names: ["b.diff_b"], reason: .noTarget)])
      #expect("\(report)".contains("b.diff_b matches no weight of the network"))
    }
  }

  @Test func misfitsAreReported() throws {
    let base = RenamedTensors([
      ("a.weight", try tensor([4, 4], 1)), ("b.weight", try tensor([4, 4], 1)),
    ])
    let adapter = try Adapter(
      RenamedTensors([
        ("a.lora_down.weight", try tensor([2, 5], 1)), ("a.lora_up.weight", try tensor([4, 2], 1)),
        ("b.lora_down.weight", try tensor([2, 4], 1)), ("a.hada_w1", try tensor([1], 1)),
      ]))
    let merged = MergedTensorSource(
      try source(base),
      adapters: [WeightedAdapter(adapter, rules: AdapterRules(leavesOutMisfits: true))])
    for name in ["a.weight", "b.weight"] { _ = try merged.claim(name, shape: [4, 4]) }
    do {
      try merged.finish()  // nothing matched, which is never left out
      Issue.record("finished")
    } catch CheckpointError.adapterMismatch(let report) {
      #expect(report.merged.isEmpty)
      let reasons = Dictionary(
        uniqueKeysWithValues: report.misfits.map { ($0.names[0], $0.reason) })
      #expect(
        reasons["a.lora_down.weight"]
          == .shape(target: "a.weight", expected: [4, 4], found: "[4, 2] and [2, 5]"))
      #expect(reasons["b.lora_down.weight"] == .halfPair)
      #expect(reasons["a.hada_w1"] == .unknownForm)
      #expect("\(report)".contains("changes no weight"))
    }
  }

  @Test func twoSpellingsOfOnePartAreRefused() throws {
    #expect(throws: CheckpointError.self) {
      try Adapter(
        RenamedTensors([
          ("a.lora_down.weight", try tensor([2, 5], 1)),
          ("a.lora_A.weight", try tensor([2, 5], 1)),
        ]))
    }
  }
}
