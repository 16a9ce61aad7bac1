import Checkpoints
import Layers
import Synchronization
import TensorCore
import TestSupport
import Testing
import WanModels

/// Networks into which adapters are merged as they run.
@Suite struct MergedNetworkTests {
  /// Weights of a network with an adapter for most of them.
  private struct Weights {
    let declarations: [TensorDeclaration]
    let base: RenamedTensors
    let adapter: Adapter
    let component: AdapterComponent

    /// - Parameter declare: claims all tensors.
    init(
      _ component: AdapterComponent, declare: (RecordingTensorSource) throws -> Void
    ) throws {
      let recorder = RecordingTensorSource()
      try declare(recorder)
      declarations = recorder.declarations
      self.component = component
      base = RenamedTensors(
        try recorder.declarations.map {
          ($0.name, try ProceduralWeights.tensor($0.name, shape: $0.shape, dtype: .bf16))
        })
      adapter = try Adapter(
        RenamedTensors(
          recorder.declarations.flatMap { try Self.changes(of: $0, component) }))
    }

    private static func changes(
      of weight: TensorDeclaration, _ component: AdapterComponent
    ) throws -> [(name: String, tensor: Tensor)] {
      func noise(_ name: String, _ shape: Shape) throws -> (name: String, tensor: Tensor) {
        (name, try ProceduralWeights.noise(name, shape: shape, scale: 0.3))
      }
      let module = weight.name.split(separator: ".").dropLast().joined(separator: ".")
      let name =
        component == .transformer
        ? module : "lora_te_" + module.split(separator: ".").joined(separator: "_")
      let shape = weight.shape
      if weight.name.hasSuffix(".bias") { return [try noise("\(name).diff_b", shape)] }
      if weight.name.hasSuffix(".modulation") { return [try noise("\(name).diff_m", shape)] }
      guard shape.rank == 2 else { return [try noise("\(name).diff", shape)] }
      return [
        try noise("\(name).lora_A.weight", [3, shape[1]]),
        try noise("\(name).lora_B.weight", [shape[0], 3]),
      ]
    }

    var loader: WeightLoader {
      get throws { try WeightLoader(network: "network", origins: [WeightOrigin(base)]) }
    }

    func merged(on context: ComputeContext = .shared) throws -> MergedTensorSource {
      MergedTensorSource(
        try loader, adapters: [WeightedAdapter(adapter, strength: 0.7)], component: component,
        on: context)
    }

    /// What a file that was merged beforehand holds.
    func beforehand() throws -> WeightLoader {
      let source = try merged()
      let tensors = try declarations.map {
        ($0.name, try source.claim($0.name, shape: $0.shape, as: nil))
      }
      try source.finish()
      return try WeightLoader(
        network: "network", origins: [WeightOrigin(RenamedTensors(tensors))])
    }
  }

  private func transformerWeights() throws -> Weights {
    try Weights(.transformer) {
      _ = try Transformer(SmallTransformer.config, weights: $0, execution: Execution())
    }
  }

  @Test(arguments: [Arithmetic.f32, .bf16], [1, 2])
  func theTransformerIsThatOfMergedFiles(arithmetic: Arithmetic, threads: Int) throws {
    let weights = try transformerWeights()
    let plain = try SmallTransformer(arithmetic, source: weights.loader)
    let beforehand = try SmallTransformer(arithmetic, source: weights.beforehand())
    let expected = try beforehand.run(beforehand.branches)
    #expect(!same(expected, try plain.run(plain.branches)), "the adapter changes something")
    let context = try ComputeContext(instructionSet: .best, threadCount: threads)
    for residency in [WeightResidency.resident, .streamed(keeping: 0)] {
      let merged = try SmallTransformer(
        arithmetic, threads: threads, keepsKeys: false, source: weights.loader,
        merged: weights.merged(on: context), residency: residency)
      for _ in 0..<2 { #expect(same(expected, try merged.run(merged.branches))) }
    }
  }

  @Test func theTextEncoderIsThatOfMergedFiles() throws {
    var config = TextEncoderConfig.umt5XXL
    (config.vocabularySize, config.dim, config.attentionDim) = (90, 48, 60)
    (config.ffnDim, config.numHeads, config.numLayers) = (100, 5, 3)
    let execution = Execution(arithmetic: .f32)
    let weights = try Weights(.textEncoder) {
      _ = try TextEncoder(config, weights: $0, execution: execution)
    }
    let text = TextTokens((0..<20).map { $0 * 37 % 90 })
    func states(_ encoder: TextEncoder) throws -> [Float] { try encoder([text])[0].floats() }
    let plain = try states(TextEncoder(config, weights: weights.loader, execution: execution))
    let expected = try states(
      TextEncoder(config, weights: weights.beforehand(), execution: execution))
    let merged = try states(
      TextEncoder(
        config, weights: weights.loader, merged: weights.merged(), execution: execution))
    #expect(merged.elementsEqual(expected))
    #expect(!merged.elementsEqual(plain))
  }

  // MARK: Memory

  /// Counts claims, and sees which blocks' weights are still in memory.
  private final class WatchedSource: TensorSource {
    private struct Handed {
      let block: Substring
      weak var storage: TensorStorage?
    }

    private struct Seen {
      var counts: [String: Int] = [:]
      var handed: [Handed] = []
      var mostBlocks = 0
    }

    private let base: any TensorSource
    private let seen = Mutex(Seen())

    init(_ base: any TensorSource) { self.base = base }

    func count(_ name: String) -> Int { seen.withLock { $0.counts[name] ?? 0 } }
    /// Blocks whose weights were in memory at the same time.
    var mostBlocks: Int { seen.withLock(\.mostBlocks) }

    func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor {
      let tensor = try base.claim(name, shape: shape, as: dtype)
      seen.withLock { seen in
        seen.counts[name, default: 0] += 1
        let parts = name.split(separator: ".")
        guard parts[0] == "blocks" else { return }
        seen.handed.removeAll { $0.storage == nil }
        seen.handed.append(Handed(block: parts[1], storage: tensor.storage))
        seen.mostBlocks = max(seen.mostBlocks, Set(seen.handed.map(\.block)).count)
      }
      return tensor
    }
  }

  @Test(arguments: [WeightResidency.resident, .streamed(keeping: 0)])
  func oneBlockIsMergedAtATime(residency: WeightResidency) throws {
    let weights = try transformerWeights()
    let watched = WatchedSource(try weights.merged())
    let small = try SmallTransformer(
      keepsKeys: false, source: weights.loader, merged: watched, residency: residency)
    #expect(watched.count("head.head.weight") == 1)
    #expect(watched.count("blocks.1.ffn.0.weight") == 0, "nothing is merged before its use")
    for _ in 0..<3 { _ = try small.run([small.branches[0]]) }
    #expect(watched.count("head.head.weight") == 1)
    #expect(watched.count("blocks.1.ffn.0.weight") == 3)
    #expect(watched.count("blocks.1.cross_attn.emo_k_proj.weight") == 3)
    // Prompt and picture keep their keys.
    #expect(watched.count("blocks.1.cross_attn.k.weight") == 1)
    #expect(watched.count("blocks.1.cross_attn.v_img.weight") == 1)
    _ = try small.run([small.branches[2]])
    #expect(watched.count("blocks.1.cross_attn.k.weight") == 2, "another prompt")
    #expect(watched.count("blocks.1.cross_attn.v_img.weight") == 1)
    #expect(watched.mostBlocks == 1)
  }
}
