import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// Tensors of a golden file under other names.
private struct RenamedFile: TensorFile {
  let path = "adapter.safetensors"
  let format = CheckpointFormat.safetensors
  let metadata: [String: String] = [:]
  let entries: [TensorEntry]
  private let tensors: [String: Tensor]

  init(_ tensors: [(String, Tensor)]) {
    entries = tensors.map { TensorEntry(name: $0.0, dtype: $0.1.dtype, shape: $0.1.shape) }
    self.tensors = Dictionary(uniqueKeysWithValues: tensors)
  }

  init(_ golden: Golden, prefix: String) throws {
    self.init(
      try golden.names(prefix: prefix).map {
        (String($0.dropFirst(prefix.count)), try golden.tensor($0))
      })
  }

  func tensor(_ name: String) throws -> Tensor {
    guard let tensor = tensors[name] else {
      throw CheckpointError.noSuchTensor(path: path, tensor: name)
    }
    return tensor
  }
}

@Suite struct AdapterTests {
  private struct Configuration: Decodable {
    let changed: [String]
    let strength: Float?
    let multiplier: Float?
  }

  private func source(_ file: RenamedFile) throws -> WeightLoader {
    try WeightLoader(network: "network", origins: [WeightOrigin(file)])
  }

  // MARK: Goldens

  @Test(arguments: InstructionSet.available) func stepDistillation(level: InstructionSet) throws {
    let golden = try Golden("lora_step_distill")
    let configuration = try golden.configuration(as: Configuration.self)
    let base = try RenamedFile(golden, prefix: "input.base.")
    var rules = AdapterRules.stepDistillation
    rules.leavesOutMisfits = true
    let context = try ComputeContext(instructionSet: level, threadCount: 2)
    let merged = MergedTensorSource(
      try source(base),
      adapters: [
        (
          try Adapter(RenamedFile(golden, prefix: "input.lora.")),
          try #require(configuration.strength)
        )
      ], rules: rules, on: context)
    for entry in base.entries {
      let tensor = try merged.claim(entry.name, shape: entry.shape)
      #expect(try golden.difference(tensor, from: "output.merged.\(entry.name)") == nil)
    }
    let report = try merged.finish()[0]
    #expect(Set(report.merged) == Set(configuration.changed))
    #expect(
      Set(report.misfits.flatMap(\.names)) == [
        "diffusion_model.blocks.0.self_attn.v.lora_down.weight",
        "diffusion_model.blocks.0.self_attn.v.lora_up.weight",
        "diffusion_model.head.head.diff_b", "diffusion_model.head.head.lora_down.weight",
        "diffusion_model.missing.lora_down.weight", "diffusion_model.missing.lora_up.weight",
        "diffusion_model.patch_embedding.lora_down.weight",
        "diffusion_model.patch_embedding.lora_up.weight",
      ])
  }

  @Test func stepDistillationIntoBfloat16() throws {
    let golden = try Golden("lora_step_distill")
    let configuration = try golden.configuration(as: Configuration.self)
    let base = try RenamedFile(golden, prefix: "input.base.")
    let halves = RenamedFile(
      try base.entries.map { ($0.name, try base.tensor($0.name).converted(to: .bf16)) })
    var rules = AdapterRules.stepDistillation
    rules.leavesOutMisfits = true
    let adapter = try Adapter(RenamedFile(golden, prefix: "input.lora."))
    let strength = try #require(configuration.strength)
    let merged = MergedTensorSource(
      try source(halves), adapters: [(adapter, strength)], rules: rules)
    let wide = MergedTensorSource(
      try source(base), adapters: [(adapter, strength)], rules: rules)
    for entry in base.entries {
      let tensor = try merged.claim(entry.name, shape: entry.shape)
      #expect(tensor.dtype == .bf16)
      #expect(try golden.difference(tensor, from: "output.merged_bf16.\(entry.name)") == nil)
      // Rounded once: the float32 sum rounded (these weights are bfloat16 values already).
      let once = try wide.claim(entry.name, shape: entry.shape).converted(to: .bf16)
      #expect(try tensor.floats() == once.floats())
    }
  }

  @Test(arguments: InstructionSet.available) func kohya(level: InstructionSet) throws {
    let golden = try Golden("lora_kohya")
    let configuration = try golden.configuration(as: Configuration.self)
    let adapter = try Adapter(RenamedFile(golden, prefix: "input.lora."))
    let context = try ComputeContext(instructionSet: level, threadCount: 2)
    var changed: Set<String> = []
    for (component, input, output, mark) in [
      (AdapterComponent.transformer, "input.base.", "output.merged.", ""),
      (.textEncoder, "input.text_encoder.", "output.text_encoder.", "te:"),
    ] {
      #expect(adapter.hasTensors(for: component))
      let base = try RenamedFile(golden, prefix: input)
      let merged = MergedTensorSource(
        try source(base), adapters: [(adapter, try #require(configuration.multiplier))],
        component: component, on: context)
      for entry in base.entries {
        let tensor = try merged.claim(entry.name, shape: entry.shape)
        #expect(try golden.difference(tensor, from: output + entry.name) == nil)
      }
      changed.formUnion(try merged.finish()[0].merged.map { mark + $0 })
    }
    #expect(changed == Set(configuration.changed))
  }

  // MARK: Rules

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
      RenamedFile([
        ("patch.lora_down.weight", down), ("patch.lora_up.weight", up),
        ("patch.alpha", try Tensor([4], shape: Shape([]))),
      ]))
    let base = RenamedFile([("patch.weight", weight)])
    let merged = MergedTensorSource(try source(base), adapters: [(adapter, 0.5)])
    let got = try merged.claim("patch.weight", shape: weight.shape).floats()
    let want = try expected(weight, up, down, 0.5 * 4 / 2)
    #expect(Comparison(got, want, .init(absolute: 1e-5, relative: 0)).failure == nil)
    #expect(try merged.finish()[0].merged == ["patch.weight"])
    // The base is as it was.
    #expect(try base.tensor("patch.weight").floats() == weight.floats())
  }

  @Test func adaptersAddUp() throws {
    let weight = try tensor([37, 50], 1)
    let adapters = try (0..<3).map { seed in
      try Adapter(
        RenamedFile([
          ("a.lora_A.weight", try tensor([4, 50], UInt64(10 + seed))),
          ("a.lora_B.weight", try tensor([37, 4], UInt64(20 + seed))),
        ]))
    }
    let base = RenamedFile([("a.weight", weight)])
    let together = MergedTensorSource(
      try source(base), adapters: adapters.map { ($0, 0.25) })
    let got = try together.claim("a.weight", shape: weight.shape).floats()
    var one = weight
    for adapter in adapters {
      let file = RenamedFile([("a.weight", one)])
      one = try MergedTensorSource(try source(file), adapters: [(adapter, 0.25)])
        .claim("a.weight", shape: weight.shape)
    }
    #expect(try one.floats() == got)
    try together.finish()
  }

  @Test func untouchedWeightsAreNotCopied() throws {
    let weight = try tensor([4, 4], 1)
    let base = RenamedFile([("a.weight", weight), ("b.weight", weight)])
    let adapter = try Adapter(
      RenamedFile([("a.diff", try tensor([4, 4], 2)), ("b.diff_b", try tensor([4], 3))]))
    let merged = MergedTensorSource(try source(base), adapters: [(adapter, 1)])
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
    let base = RenamedFile([
      ("a.weight", try tensor([4, 4], 1)), ("b.weight", try tensor([4, 4], 1)),
    ])
    let adapter = try Adapter(
      RenamedFile([
        ("a.lora_down.weight", try tensor([2, 5], 1)), ("a.lora_up.weight", try tensor([4, 2], 1)),
        ("b.lora_down.weight", try tensor([2, 4], 1)), ("a.hada_w1", try tensor([1], 1)),
      ]))
    let merged = MergedTensorSource(
      try source(base), adapters: [(adapter, 1)], rules: AdapterRules(leavesOutMisfits: true))
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
        RenamedFile([
          ("a.lora_down.weight", try tensor([2, 5], 1)),
          ("a.lora_A.weight", try tensor([2, 5], 1)),
        ]))
    }
  }
}
