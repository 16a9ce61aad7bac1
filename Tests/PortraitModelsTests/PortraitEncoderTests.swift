import Checkpoints
import Layers
import PortraitModels
import TensorCore
import TestSupport
import Testing

@Suite struct PortraitEncoderTests {
  private static let tiny: PortraitEncoderConfig = {
    let layout = ExpressionLayout(headPose: 3, eyes: 2, emotion: 5, mouth: 9)
    let mouth = ResamplerConfig(
      dim: 24, depth: 2, dimHead: 8, heads: 3, numQueries: 5, embeddingDim: 9, outputDim: 20,
      ffMult: 2)
    var emotion = mouth
    (emotion.numQueries, emotion.embeddingDim, emotion.depth) = (2, 5, 1)
    return PortraitEncoderConfig(layout: layout, outputDim: 20, mouth: mouth, emotion: emotion)
  }()

  private func encoder(_ arithmetic: Arithmetic, threads: Int = 2) throws -> PortraitEncoder {
    let context = try ComputeContext(instructionSet: .best, threadCount: threads)
    return try PortraitEncoder(
      Self.tiny, weights: ProceduralTensorSource(),
      execution: Execution(arithmetic: arithmetic, context: context))
  }

  private func features(_ frames: Int) throws -> Tensor {
    try ProceduralWeights.noise("features", shape: [frames, 19], scale: 1)
  }

  private func declared(_ config: PortraitEncoderConfig) throws -> [TensorEntry] {
    let source = RecordingTensorSource()
    _ = try PortraitEncoder(config, weights: source, execution: Execution())
    return source.declarations.map { TensorEntry(name: $0.name, dtype: .f32, shape: $0.shape) }
  }

  // MARK: Configuration

  @Test func namesAreThoseOfThePublishedFile() throws {
    let entries = try declared(.published)
    let network = try #require(NetworkRecognition.networks(in: entries).first)
    #expect(network.kind == .portraitEncoder && network.missing.isEmpty)
    #expect(network.tensorCount == entries.count)
    #expect(PortraitEncoderConfig.published.tokensPerFrame == 24)
    let shapes = NamedShapes(entries.map { ($0.name, $0.shape) })
    #expect(try PortraitEncoderConfig(shapes: shapes) == .published)
  }

  @Test func sizesComeFromShapes() throws {
    let shapes = NamedShapes(try declared(Self.tiny).map { ($0.name, $0.shape) })
    #expect(try PortraitEncoderConfig(shapes: shapes, dimHead: 8) == Self.tiny)
    // 24 channels are no number of heads of 64.
    #expect(throws: NetworkError.self) { try PortraitEncoderConfig(shapes: shapes) }
    #expect(
      throws: NetworkError.unknownSize(
        network: "portrait encoder", key: "headpose", tensor: "proj_model.headpose_proj.weight")
    ) { try PortraitEncoderConfig(shapes: NamedShapes([])) }
  }

  /// A change that makes a configuration impossible, and the key that the error names.
  private struct Mistake: Sendable {
    let key: String
    let change: @Sendable (inout PortraitEncoderConfig) -> Void
  }

  private static let mistakes: [Mistake] = [
    Mistake(key: "mouth_proj_model.embedding_dim", change: { $0.mouth.embeddingDim = 8 }),
    Mistake(key: "emo_proj_model.output_dim", change: { $0.emotion.outputDim = 21 }),
    Mistake(key: "mouth_proj_model.heads", change: { $0.mouth.heads = 0 }),
    Mistake(key: "mouth", change: { $0.layout.mouth = 0 }),
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

  // MARK: Tokens

  /// More frames than go through the products together, and each alone: the same bits.
  @Test(arguments: [Arithmetic.f32, .bf16])
  func framesAreIndependent(arithmetic: Arithmetic) throws {
    let features = try features(260)
    let whole = try encoder(arithmetic, threads: 4)(features)
    #expect(whole.shape == [260 * 11, 20] && whole.dtype == .f32)
    let single = try encoder(arithmetic, threads: 1)
    for frame in [0, 1, 128, 255, 256, 259] {
      let alone = try single(features.sliced(frame..<frame + 1)).floats()
      let among = try whole.sliced(frame * 11..<(frame + 1) * 11).floats()
      #expect(alone.elementsEqual(among), "frame \(frame)")
    }
  }

  @Test func noFramesGiveNoTokens() throws {
    #expect(try encoder(.f32)(Tensor(zeros: [0, 19], dtype: .f32)).shape == [0, 20])
  }

  @Test func wrongFeaturesAreRefused() throws {
    let encoder = try encoder(.f32)
    for tensor in [
      try Tensor(zeros: [2, 18], dtype: .f32), try Tensor(zeros: [19], dtype: .f32),
      try Tensor(zeros: [2, 19], dtype: .bf16),
    ] {
      #expect(throws: NetworkError.self) { try encoder(tensor) }
    }
  }

  // MARK: Latent frames

  /// Tokens 0, 1, 2, ... of one column, so that a value tells where it comes from.
  private func counted(_ count: Int) throws -> Tensor {
    try Tensor((0..<count).map { Float($0) }, shape: [count, 1])
  }

  @Test(arguments: [1, 4])
  func oneLatentFrameTakesWhatItWouldTakeInALongerWindow(frames: Int) throws {
    let split = try PortraitTokenSplit(tokenCount: 24 * frames, frames: frames)
    #expect(split.ranges == [-73...23])
    #expect(split.lengths == [24])
    let rows = try split(counted(24 * frames)).floats()
    #expect(rows == (0..<24).map { Float($0) } + [Float](repeating: 0, count: 73))
  }

  @Test func whatLiesOutsideIsLeftOut() throws {
    // Six frames: the second latent frame ends within them; eight tokens a frame: a reach of 16.
    let split = try PortraitTokenSplit(tokenCount: 48, frames: 6)
    #expect(split.ranges == [-25...7, 7...39])
    #expect(split.rowsPerLatent == 33)
    #expect(split.lengths == [8, 33])
    // Two frames fewer than four times the latent frames after the first, and one more.
    let short = try PortraitTokenSplit(tokenCount: 8 * 5, frames: 5)
    #expect(short.ranges[1] == 7...39)
    #expect(short.lengths == [8, 33])
  }

  @Test func splittingKeepsTheType() throws {
    let encoder = try encoder(.bf16)
    let tokens = try encoder(features(9)).converted(to: .bf16)
    let (rows, split) = try encoder.split(tokens, frames: 9)
    #expect(rows.dtype == .bf16)
    #expect(rows.shape == [3, split.rowsPerLatent, 20])
    let range = split.realRanges[1]
    let got = try rows.sliced(1..<2).reshaped([split.rowsPerLatent, 20])
      .sliced(0..<range.count).floats()
    #expect(got.elementsEqual(try tokens.sliced(range).floats()))
  }

  @Test func impossibleSplitsAreRefused() throws {
    #expect(throws: NetworkError.self) { try PortraitTokenSplit(tokenCount: 24, frames: 0) }
    #expect(throws: NetworkError.self) { try PortraitTokenSplit(tokenCount: 3, frames: 4) }
    let split = try PortraitTokenSplit(tokenCount: 120, frames: 5)
    #expect(throws: NetworkError.self) { try split(counted(119)) }
  }
}
