import Checkpoints
import Layers
import TensorCore
import TestSupport

/// The weights of a case and the adapter that is merged into them.
private struct AdapterCase {
  let golden: Golden
  let adapter: Adapter
  let rules: AdapterRules
  let strength: Float
  let context: ComputeContext

  /// Merges and compares every weight; adds the names of those that changed to `changed`.
  func differences(
    of base: RenamedTensors, in component: AdapterComponent = .transformer,
    from prefix: String, changed: inout [String]
  ) throws -> [String?] {
    let source = MergedTensorSource(
      try WeightLoader(network: "network", origins: [WeightOrigin(base)]),
      adapters: [WeightedAdapter(adapter, strength: strength, rules: rules)],
      component: component, on: context)
    var differences: [String?] = []
    for entry in base.entries {
      let tensor = try source.claim(entry.name, shape: entry.shape)
      if tensor.dtype != entry.dtype {
        differences.append("\(entry.name): \(tensor.dtype), expected \(entry.dtype)")
      }
      guard golden.has(prefix + entry.name) else { continue }
      differences.append(try golden.difference(tensor, from: prefix + entry.name))
    }
    changed += try source.finish().flatMap(\.merged)
    return differences
  }
}

private func differs(_ changed: [String], from expected: [String]) -> String? {
  if changed.sorted() == expected.sorted() { return nil }
  return "changed \(changed.sorted()), expected \(expected.sorted())"
}

/// A step distillation adapter, merged into float32 and into bfloat16 weights.
@Sendable func checkStepDistillation(_ golden: Golden, _ execution: Execution) throws -> [String] {
  struct Configuration: Decodable {
    let changed: [String]
    let strength: Float
  }
  let configuration = try golden.configuration(as: Configuration.self)
  // What does not fit is skipped by the published code, so the case holds some.
  var rules = AdapterRules.stepDistillation
  rules.leavesOutMisfits = true
  let merge = AdapterCase(
    golden: golden, adapter: try Adapter(RenamedTensors(golden, prefix: "input.lora.")),
    rules: rules, strength: configuration.strength, context: execution.context)
  let base = try RenamedTensors(golden, prefix: "input.base.")
  let halves = RenamedTensors(
    try base.entries.map { ($0.name, try base.tensor($0.name).converted(to: .bf16)) })
  var differences: [String?] = []
  for (weights, prefix) in [(base, "output.merged."), (halves, "output.merged_bf16.")] {
    var changed: [String] = []
    differences += try merge.differences(of: weights, from: prefix, changed: &changed)
    differences.append(differs(changed, from: configuration.changed))
  }
  return differences.compactMap(\.self)
}

/// A Kohya adapter, merged into the transformer's weights and into the text encoder's.
@Sendable func checkKohyaAdapter(_ golden: Golden, _ execution: Execution) throws -> [String] {
  struct Configuration: Decodable {
    let changed: [String]
    let multiplier: Float
  }
  let configuration = try golden.configuration(as: Configuration.self)
  let merge = AdapterCase(
    golden: golden, adapter: try Adapter(RenamedTensors(golden, prefix: "input.lora.")),
    rules: AdapterRules(leavesOutMisfits: true), strength: configuration.multiplier,
    context: execution.context)
  var (differences, changed) = ([String?](), [String]())
  for (component, input, output, mark) in [
    (AdapterComponent.transformer, "input.base.", "output.merged.", ""),
    (.textEncoder, "input.text_encoder.", "output.text_encoder.", "te:"),
  ] {
    var names: [String] = []
    let base = try RenamedTensors(golden, prefix: input)
    guard !base.entries.isEmpty else { continue }
    differences += try merge.differences(
      of: base, in: component, from: output, changed: &names)
    changed += names.map { mark + $0 }
  }
  differences.append(differs(changed, from: configuration.changed))
  return differences.compactMap(\.self)
}
