import Checkpoints
import Layers
import TensorCore
import TestSupport
import Testing
import WanModels

@Suite struct TextEncoderTests {
  private static let config: TextEncoderConfig = {
    var config = TextEncoderConfig.umt5XXL
    (config.vocabularySize, config.dim, config.attentionDim) = (90, 48, 60)
    (config.ffnDim, config.numHeads, config.numLayers) = (100, 5, 3)
    return config
  }()

  private static let ids: [Int32] = (0..<70).map { ($0 * 37 + 11) % 90 }

  private func encoder(
    _ arithmetic: Arithmetic = .f32, threads: Int = 4, config: TextEncoderConfig = config
  ) throws -> TextEncoder {
    let context = try ComputeContext(instructionSet: .best, threadCount: threads)
    return try TextEncoder(
      config, weights: ProceduralTensorSource(on: context),
      execution: Execution(arithmetic: arithmetic, context: context))
  }

  private func bytes(_ tensors: [Tensor]) throws -> [[UInt8]] { try tensors.map { try $0.bytes() } }

  // MARK: Rows

  @Test(arguments: [Arithmetic.f32, .bf16])
  func textsTogetherAreTheSameAsEachAlone(arithmetic: Arithmetic) throws {
    let encoder = try encoder(arithmetic)
    let gaps = Self.ids.indices.map { $0 % 3 != 1 }
    let texts = [
      TextTokens(Self.ids), TextTokens(Array(Self.ids.prefix(7))), TextTokens([]),
      TextTokens(Self.ids, mask: gaps), TextTokens([3], mask: [false]),
    ]
    for rows in [TextEncoder.RowChoice.counted, .all] {
      let together = try bytes(encoder(texts, rows: rows))
      let alone = try texts.flatMap { try bytes(encoder([$0], rows: rows)) }
      #expect(together.elementsEqual(alone))
    }
  }

  @Test func paddingChangesNothing() throws {
    let encoder = try encoder()
    let text = TextTokens(Array(Self.ids.prefix(20)))
    let padded = TextTokens(
      text.ids + Array(repeating: 0, count: 30), mask: (0..<50).map { $0 < 20 })
    let bare = try encoder([text])[0]
    #expect(bare.shape == [20, 48])
    #expect(try encoder([padded])[0].bytes().elementsEqual(bare.bytes()))
    // Rows of padding come along where they are asked for, and the others stay as they are.
    let all = try encoder([padded], rows: .all)[0]
    #expect(all.shape == [50, 48])
    #expect(try all.sliced(0..<20).bytes().elementsEqual(bare.bytes()))
  }

  @Test func textsBeginAnywhere() throws {
    // Only distances count: padding in front is the same as none.
    let encoder = try encoder()
    let text = Array(Self.ids.prefix(20))
    let shifted = TextTokens(
      Array(repeating: 5, count: 9) + text, mask: (0..<29).map { $0 >= 9 })
    #expect(
      try encoder([shifted])[0].bytes().elementsEqual(encoder([TextTokens(text)])[0].bytes()))
  }

  @Test func gapsAreTheSameForBothChoicesOfRows() throws {
    let encoder = try encoder()
    let mask = Self.ids.indices.map { $0 % 4 != 2 }
    let text = TextTokens(Self.ids, mask: mask)
    let counted = try encoder([text])[0].floats()
    let all = try encoder([text], rows: .all)[0]
    let picked = try mask.indices.filter { mask[$0] }.flatMap {
      try all.sliced($0..<$0 + 1).floats()
    }
    // Other keys stand between those that count, so sums are cut elsewhere.
    let bound = GoldenTolerances.Bound(absolute: 2e-5, relative: 2e-5)
    #expect(Comparison(picked, counted, bound).failure == nil)
  }

  // MARK: Execution

  @Test(arguments: [Arithmetic.f32, .bf16])
  func threadsDoNotCount(arithmetic: Arithmetic) throws {
    let texts = [TextTokens(Self.ids)]
    let one = try bytes(encoder(arithmetic, threads: 1)(texts))
    #expect(try bytes(encoder(arithmetic, threads: 4)(texts)).elementsEqual(one))
  }

  @Test func streamedWeightsGiveTheSameBytes() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("models_t5.pth")
    let recorder = RecordingTensorSource()
    let execution = Execution(arithmetic: .bf16)
    _ = try TextEncoder(Self.config, weights: recorder, execution: execution)
    try PyTorchWriter.write(
      recorder.declarations.map {
        ($0.name, try ProceduralWeights.tensor($0.name, shape: $0.shape, dtype: .bf16))
      }, to: path)

    let file = try Checkpoint.open(path)
    var results: [[[UInt8]]] = []
    for residency in [WeightResidency.resident, .streamed(keeping: 0), .streamed(keeping: 30_000)] {
      let loader = try WeightLoader(network: "text encoder", origins: [WeightOrigin(file)])
      #expect(try TextEncoderConfig(shapes: loader.shapes) == Self.config)
      let encoder = try TextEncoder(
        Self.config, weights: loader, execution: execution, residency: residency)
      try loader.finish()
      results.append(try bytes(encoder([TextTokens(Self.ids)])))
    }
    #expect(results.dropFirst().allSatisfy { $0.elementsEqual(results[0]) })
  }

  @Test func blocksCanBeWatched() throws {
    let encoder = try encoder()
    var seen: [Int] = []
    let states = try encoder([TextTokens(Self.ids)]) { block, rows in
      #expect(rows.shape == [Self.ids.count, 48])
      seen.append(block)
    }
    #expect(seen == [0, 1, 2])
    #expect(states.count == 1)
  }

  // MARK: Inputs

  @Test(arguments: [Int32(-1), 90, .max, .min])
  func numbersOutsideTheTableAreRefused(id: Int32) throws {
    let encoder = try encoder()
    #expect(
      throws: NetworkError.input(
        network: "text encoder", name: "token 1", expected: "a number from 0 to 89",
        found: "\(id)")
    ) { try encoder([TextTokens([1, id])]) }
  }

  @Test(
    arguments: [
      (\TextEncoderConfig.numHeads, 7, "num_heads"), (\.numBuckets, 31, "num_buckets"),
      (\.numBuckets, 2, "num_buckets"), (\.numBuckets, 1024, "num_buckets"),
      (\.numLayers, 0, "num_layers"), (\.dim, -4, "dim"), (\.vocabularySize, 1 << 40, "vocab"),
    ] as [(WritableKeyPath<TextEncoderConfig, Int> & Sendable, Int, String)])
  func sizesThatDoNotFitAreNamed(
    path: WritableKeyPath<TextEncoderConfig, Int> & Sendable, value: Int, key: String
  ) {
    var config = Self.config
    config[keyPath: path] = value
    #expect {
      try TextEncoder(
        config, weights: RecordingTensorSource(), execution: Execution(arithmetic: .f32))
    } throws: { error in
      guard case NetworkError.configuration("text encoder", key, _, _) = error else { return false }
      return true
    }
  }

  @Test func shapesTellAllSizes() throws {
    for sharesPositions in [false, true] {
      var config = Self.config
      config.sharesPositions = sharesPositions
      let recorder = RecordingTensorSource()
      _ = try TextEncoder(config, weights: recorder, execution: Execution(arithmetic: .f32))
      let shapes = recorder.declarations.map { ($0.name, $0.shape) }
      #expect(try TextEncoderConfig(shapes: NamedShapes(shapes)) == config)
    }
    #expect(
      throws: NetworkError.unknownSize(
        network: "text encoder", key: "vocab", tensor: "token_embedding.weight")
    ) { try TextEncoderConfig(shapes: NamedShapes([])) }
  }

  @Test func thePublishedEncoderIsRecognised() throws {
    let recorder = RecordingTensorSource()
    _ = try TextEncoder(
      .umt5XXL, weights: recorder, execution: Execution(arithmetic: .bf16))
    let entries = recorder.declarations.map {
      TensorEntry(name: $0.name, dtype: .bf16, shape: $0.shape)
    }
    #expect(entries.count == 2 + 24 * 10)
    // 11.4 GB on disk.
    #expect(entries.reduce(0) { $0 + $1.byteCount } == 11_361_820_672)
    let network = try #require(NetworkRecognition.networks(in: entries).first)
    #expect(network.kind == .textEncoder && network.missing.isEmpty)
    #expect(network.tensorCount == entries.count)
  }
}
