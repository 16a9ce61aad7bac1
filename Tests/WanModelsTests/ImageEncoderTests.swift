import Checkpoints
import Layers
import TensorCore
import TestSupport
import Testing
import WanModels

@Suite struct ImageEncoderTests {
  private static let tiny = ImageEncoderConfig(
    imageSize: 20, patchSize: 5, dim: 48, mlpRatio: 2.5, outDim: 24, numHeads: 3, numLayers: 4)

  private func encoder(
    _ config: ImageEncoderConfig = tiny, _ arithmetic: Arithmetic = .f32, weights: DType = .f32,
    threads: Int = 2
  ) throws -> ImageEncoder {
    let context = try ComputeContext(instructionSet: .best, threadCount: threads)
    return try ImageEncoder(
      config, weights: ProceduralTensorSource(prefix: "visual.", dtype: weights),
      execution: Execution(arithmetic: arithmetic, context: context))
  }

  private func pixels(_ count: Int, size: Int = tiny.imageSize) throws -> Tensor {
    try ProceduralWeights.noise("pixels", shape: [count, 3, size, size], scale: 2)
  }

  /// The tensors that a configuration asks for, under the names of the published file.
  private func declared(_ config: ImageEncoderConfig) throws -> [TensorEntry] {
    let source = RecordingTensorSource()
    _ = try ImageEncoder(
      config, weights: source.scoped(ImageEncoder.checkpointPrefix), execution: Execution())
    return source.declarations.map { TensorEntry(name: $0.name, dtype: .f16, shape: $0.shape) }
  }

  private func shapes(_ entries: [TensorEntry]) -> NamedShapes {
    NamedShapes(
      entries.map {
        (String($0.name.dropFirst(ImageEncoder.checkpointPrefix.count)), $0.shape)
      })
  }

  // MARK: Configuration and checkpoint

  @Test func publishedSizes() throws {
    let config = ImageEncoderConfig.vitHuge14
    #expect((config.tokens, config.headDim, config.mlpDim) == (257, 80, 5120))
    let entries = try declared(config)
    // OpenCLIP's tower has 632,076,800 parameters, the last norm and the projection among them.
    let unused = config.dim * config.outDim + 2 * config.dim
    #expect(entries.reduce(unused) { $0 + $1.shape.count } == 632_076_800)
    #expect(try ImageEncoderConfig(shapes: shapes(entries)) == config)
    let network = try #require(NetworkRecognition.networks(in: entries).first)
    #expect(network.kind == .imageEncoder && network.missing.isEmpty)
    #expect(network.tensorCount == entries.count)
  }

  @Test func sizesComeFromShapes() throws {
    let read = try ImageEncoderConfig(shapes: shapes(declared(Self.tiny)), numHeads: 3)
    var want = Self.tiny
    want.outDim = ImageEncoderConfig.vitHuge14.outDim  // no tensor that is used tells it
    #expect(read == want)
    #expect(
      throws: NetworkError.unknownSize(
        network: "image encoder", key: "dim", tensor: "patch_embedding.weight")
    ) { try ImageEncoderConfig(shapes: NamedShapes([])) }
  }

  /// The ratio that a checkpoint's shapes give leads back to its hidden width.
  @Test func hiddenWidthsComeBack() {
    var config = Self.tiny
    for dim in 1...120 {
      for hidden in 1...480 {
        (config.dim, config.mlpRatio) = (dim, Double(hidden) / Double(dim))
        if config.mlpDim != hidden { Issue.record("\(hidden) / \(dim): \(config.mlpDim)") }
      }
    }
    (config.dim, config.mlpRatio) = (1408, 4.3637)  // EVA's, rounded down
    #expect(config.mlpDim == 6144)
  }

  /// A change that makes a configuration impossible, and the key that the error names.
  private struct Mistake: Sendable {
    let key: String
    let change: @Sendable (inout ImageEncoderConfig) -> Void
  }

  private static let mistakes: [Mistake] = [
    Mistake(key: "image_size", change: { $0.imageSize = 21 }),
    Mistake(key: "num_heads", change: { $0.numHeads = 5 }),
    Mistake(key: "num_layers", change: { $0.numLayers = 0 }),
    Mistake(key: "dim", change: { $0.dim = -48 }),
    Mistake(key: "mlp_ratio", change: { $0.mlpRatio = 0 }),
    Mistake(key: "mlp_ratio", change: { $0.mlpRatio = .nan }),
  ]

  @Test(arguments: mistakes.indices)
  func impossibleSizesAreRefused(number: Int) throws {
    let mistake = Self.mistakes[number]
    var config = Self.tiny
    mistake.change(&config)
    #expect {
      try config.validate()
    } throws: { error in
      guard case NetworkError.configuration(_, mistake.key, _, _) = error else { return false }
      return true
    }
  }

  /// The published file holds more than the tower; the tower more than is used.
  @Test func restOfThePublishedFileIsIgnored() throws {
    func file(_ others: [String]) throws -> RenamedTensors {
      let tensors = try declared(Self.tiny).map {
        ($0.name, try ProceduralWeights.tensor($0.name, shape: $0.shape, dtype: .f16))
      }
      return RenamedTensors(
        try tensors + others.map { ($0, try Tensor(zeros: [2, 2], dtype: .f16)) })
    }
    func load(_ file: RenamedTensors) throws -> ImageEncoder {
      let prefix = ImageEncoder.checkpointPrefix
      let origin = WeightOrigin(file, stripping: [prefix], selecting: [prefix])
      let loader = try WeightLoader(
        network: "image encoder", origins: [origin],
        ignoring: ImageEncoder.ignoredTensors)
      let encoder = try ImageEncoder(
        Self.tiny, weights: loader, execution: Execution(arithmetic: .f32))
      try loader.finish()
      return encoder
    }
    let spare = [
      "visual.head", "visual.post_norm.weight", "visual.post_norm.bias", "log_scale",
      "textual.token_embedding.weight",
    ]
    let loaded = try load(file(spare))(pixels(1)).floats()
    let expected = try encoder(weights: .f16)(pixels(1)).floats()
    #expect(loaded.elementsEqual(expected))
    #expect(throws: CheckpointError.self) { try load(file(["visual.transformer.9.norm1.weight"])) }
  }

  // MARK: Results

  /// The published weights are float16.
  @Test(arguments: [Arithmetic.f32, .bf16])
  func weightsInFloat16(arithmetic: Arithmetic) throws {
    let want = try encoder(Self.tiny, arithmetic)(pixels(1)).floats()
    let got = try encoder(Self.tiny, arithmetic, weights: .f16)(pixels(1)).floats()
    // Weights by formula are bfloat16 numbers, which float16 rounds only below 2^-14.
    let bound = GoldenTolerances.Bound(
      absolute: arithmetic == .f32 ? 1e-5 : 2e-2, relative: 0)
    #expect(Comparison(got, want, bound).failure == nil)
  }

  @Test(arguments: [Arithmetic.f32, .bf16])
  func picturesAreIndependent(arithmetic: Arithmetic) throws {
    let pictures = try pixels(3)
    let whole = try encoder(Self.tiny, arithmetic, threads: 4)(pictures)
    #expect(whole.shape == [3, 17, 48] && whole.dtype == .f32)
    let single = try encoder(Self.tiny, arithmetic, threads: 1)
    for number in 0..<3 {
      let alone = try single(pictures.sliced(number..<number + 1)).floats()
      let among = try whole.sliced(number..<number + 1).floats()
      #expect(alone.elementsEqual(among), "picture \(number)")
    }
  }

  @Test func theLastBlockIsNotRun() throws {
    var stages: [ImageEncoder.Stage] = []
    _ = try encoder()(pixels(1)) { stage, _ in stages.append(stage) }
    #expect(stages == [.embedded, .block(0), .block(1), .block(2)])
  }

  @Test func wrongInputsAreRefused() throws {
    let encoder = try encoder()
    for shape in [[1, 3, 20, 21], [3, 20, 20], [0, 3, 20, 20], [1, 20, 20, 3]] as [Shape] {
      #expect(throws: NetworkError.self) { try encoder(Tensor(zeros: shape, dtype: .f32)) }
    }
    #expect(throws: NetworkError.self) { try encoder(Tensor(zeros: [1, 3, 20, 20], dtype: .bf16)) }
    for shape in [[1, 4, 4], [1, 4, 4, 1], [1, 0, 4, 3]] as [Shape] {
      #expect(throws: NetworkError.self) {
        try encoder.preprocess(Tensor(zeros: shape, dtype: .f32))
      }
    }
  }

  @Test func plainPicturesStayPlain() throws {
    let grey = try Tensor(
      [Float](repeating: 0, count: 2 * 9 * 7 * 3), shape: [2, 9, 7, 3])
    let prepared = try encoder().preprocess(grey)
    #expect(prepared.shape == [2, 3, 20, 20])
    let (mean, deviation): ([Float], [Float]) = (
      [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    )
    let want = (0..<prepared.count).map { index in
      let channel = index / 400 % 3
      return (0.5 - mean[channel]) / deviation[channel]
    }
    let bound = GoldenTolerances.Bound(absolute: 1e-6, relative: 0)
    #expect(Comparison(try prepared.floats(), want, bound).failure == nil)
  }
}
