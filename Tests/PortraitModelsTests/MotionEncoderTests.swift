import Checkpoints
import Layers
import PortraitModels
import TensorCore
import TestSupport
import Testing

@Suite struct MotionEncoderTests {
  /// The picture's size gives odd ones in the hourglass: 18, 9, 4, 2, 1.
  private static let tiny = MotionEncoderConfig(
    imageSize: 72, stemChannels: 6, channels: 8, hourglassChannels: 12, maps: 5, features: 20,
    layout: ExpressionLayout(headPose: 3, eyes: 2, emotion: 5, mouth: 20))

  private func encoder(
    _ arithmetic: Arithmetic, threads: Int = 2, level: InstructionSet = .best
  ) throws -> MotionEncoder {
    let context = try ComputeContext(instructionSet: level, threadCount: threads)
    return try MotionEncoder(
      Self.tiny, weights: ProceduralTensorSource(),
      execution: Execution(arithmetic: arithmetic, context: context))
  }

  private func crops(_ count: Int) throws -> Tensor {
    var generator = SeededGenerator(seed: 5)
    let tensor = try Tensor(uninitialized: [count, 72, 72, 3], dtype: .u8)
    for index in 0..<tensor.count {
      tensor.pointer.storeBytes(
        of: UInt8.random(in: 0...255, using: &generator), toByteOffset: index, as: UInt8.self)
    }
    return tensor
  }

  private func declared(_ config: MotionEncoderConfig) throws -> [TensorEntry] {
    let source = RecordingTensorSource()
    _ = try MotionEncoder(config, weights: source, execution: Execution(arithmetic: .f32))
    return source.declarations.map { TensorEntry(name: $0.name, dtype: .f32, shape: $0.shape) }
  }

  // MARK: Configuration and checkpoint

  @Test func namesAreThoseOfThePublishedFile() throws {
    let entries = try declared(.published)
    let network = try #require(NetworkRecognition.networks(in: entries).first)
    #expect(network.kind == .motionEncoder && network.missing.isEmpty)
    #expect(network.tensorCount == entries.count)
    let without = entries.filter { $0.name != "model.m0.b2_plus_1.bn2.running_var" }
    #expect(
      NetworkRecognition.networks(in: without).first?.missing
        == ["model.m0.b2_plus_1.bn2.running_var"])
  }

  @Test(arguments: [tiny, .published])
  func sizesComeFromShapes(config: MotionEncoderConfig) throws {
    let shapes = NamedShapes(try declared(config).map { ($0.name, $0.shape) })
    #expect(try MotionEncoderConfig(shapes: shapes) == config)
  }

  /// A change that makes a configuration impossible, and the key that the error names.
  private struct Mistake: Sendable {
    let key: String
    let change: @Sendable (inout MotionEncoderConfig) -> Void
  }

  private static let mistakes: [Mistake] = [
    Mistake(key: "image_size", change: { $0.imageSize = 76 }),
    Mistake(key: "image_size", change: { $0.imageSize = 56 }),
    Mistake(key: "channels", change: { $0.channels = 10 }),
    Mistake(key: "hourglass_channels", change: { $0.hourglassChannels = 0 }),
    Mistake(key: "mouth", change: { $0.layout.mouth = 19 }),
    Mistake(key: "maps", change: { $0.maps = 0 }),
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

  /// Published files also hold the mouth's embedding and the counters of the batch norms.
  @Test func restOfThePublishedFileIsIgnored() throws {
    func load(_ others: [String]) throws {
      let tensors = try declared(Self.tiny).map {
        ($0.name, try Tensor(zeros: $0.shape, dtype: .f32))
      }
      let file = RenamedTensors(
        try tensors + others.map { ($0, try Tensor(zeros: [], dtype: .i64)) })
      let loader = try WeightLoader(
        network: "motion encoder", origins: [WeightOrigin(file)],
        ignoring: MotionEncoder.ignoredTensors)
      _ = try MotionEncoder(Self.tiny, weights: loader, execution: Execution(arithmetic: .f32))
      try loader.finish()
    }
    try load(["mouth_embed.1.weight", "mouth_embed.1.bias", "to_eye.2.num_batches_tracked"])
    #expect(throws: CheckpointError.self) { try load(["model.m1.b1_4.bn1.weight"]) }
  }

  // MARK: Features

  /// More crops than are encoded together, and each alone: the same bits.
  @Test(arguments: [Arithmetic.f32, .bf16])
  func cropsAreIndependent(arithmetic: Arithmetic) throws {
    let crops = try crops(10)
    let whole = try encoder(arithmetic, threads: 4)(bgr: crops)
    #expect(whole.shape == [10, 30] && whole.dtype == .f32)
    let single = try encoder(arithmetic, threads: 1)
    for number in [0, 7, 8, 9] {
      let alone = try single(bgr: crops.sliced(number..<number + 1)).floats()
      let among = try whole.sliced(number..<number + 1).floats()
      #expect(alone.elementsEqual(among), "crop \(number)")
    }
  }

  @Test func levelsAgree() throws {
    let crops = try crops(2)
    let want = try encoder(.f32, level: .generic)(bgr: crops).floats()
    let bound = GoldenTolerances.Bound(absolute: 1e-5, relative: 1e-4)
    for level in InstructionSet.tested {
      let got = try encoder(.f32, level: level)(bgr: crops).floats()
      #expect(Comparison(got, want, bound).failure == nil, "\(level)")
    }
  }

  @Test func blueComesFirst() throws {
    let crop = try crops(1)
    var pixels: Tensor?
    _ = try encoder(.f32)(bgr: crop) { stage, state in
      if stage == .pixels { pixels = state }
    }
    let rgb = try #require(pixels).floats()
    let bytes = try crop.floats()
    for (index, channel) in [(0, 2), (1, 1), (2, 0)] {
      #expect(abs(rgb[30 + index] - (bytes[30 + channel] / 255 * 2 - 1)) < 1e-6)
    }
  }

  @Test func noCropsGiveNoFeatures() throws {
    #expect(try encoder(.f32)(bgr: Tensor(zeros: [0, 72, 72, 3], dtype: .u8)).shape == [0, 30])
  }

  @Test func wrongCropsAreRefused() throws {
    let encoder = try encoder(.f32)
    for tensor in [
      try Tensor(zeros: [1, 72, 71, 3], dtype: .u8), try Tensor(zeros: [72, 72, 3], dtype: .u8),
      try Tensor(zeros: [1, 72, 72, 3], dtype: .f32),
    ] {
      #expect(throws: NetworkError.self) { try encoder(bgr: tensor) }
    }
  }
}
