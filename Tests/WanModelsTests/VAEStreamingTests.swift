import Checkpoints
import Layers
import TensorCore
import TestSupport
import Testing
import WanModels

/// A narrow autoencoder with all of the published one's parts.
enum SmallVAE {
  static let config: WanVAEConfig = {
    var config = WanVAEConfig.wan21
    (config.dim, config.numResBlocks) = (6, 1)
    return config
  }()

  static func make(
    _ arithmetic: Arithmetic = .bf16, level: InstructionSet = .best, threads: Int = 4
  ) throws -> WanVAE {
    let context = try ComputeContext(instructionSet: level, threadCount: threads)
    return try WanVAE(
      config, weights: ProceduralTensorSource(on: context),
      execution: Execution(arithmetic: arithmetic, context: context))
  }

  static func noise(_ name: String, _ shape: Shape) throws -> Tensor {
    try ProceduralWeights.noise(name, shape: shape, scale: 1)
  }

  /// Frames one after another.
  static func joined(_ parts: [Tensor], axis: Int) throws -> [UInt8] {
    // Channels first: frames of a channel lie together.
    guard axis == 1 else { return try parts.flatMap { try $0.bytes() } }
    return try (0..<parts[0].shape[0]).flatMap { channel in
      try parts.flatMap { try $0.sliced(channel..<channel + 1).bytes() }
    }
  }
}

@Suite struct VAEStreamingTests {
  static let tilings: [VideoTiling?] = [
    nil, VideoTiling(rows: 16, columns: 24, rowStride: 8, columnStride: 16),
  ]

  @Test(arguments: InstructionSet.tested, tilings)
  func decodingInPiecesGivesTheSameBytes(level: InstructionSet, tiling: VideoTiling?) throws {
    let decoder = try SmallVAE.make(level: level).decoder
    let latents = try SmallVAE.noise("latents", [16, 6, 3, 4])
    let whole = try decoder(latents, tiling: tiling)
    #expect(whole.shape == [21, 24, 32, 3])
    let expected = try whole.bytes()
    for pieces in [[1, 1, 1, 1, 1, 1], [2, 0, 3, 1]] {
      var session = try decoder.session(rows: 3, columns: 4, tiling: tiling)
      var start = 0
      let parts = try pieces.map { count in
        defer { start += count }
        return try session.decode(latents.sliced(start..<start + count, axis: 1).contiguous())
      }
      #expect(parts.map { $0.shape[0] }.reduce(0, +) == 21)
      #expect(try SmallVAE.joined(parts, axis: 0).elementsEqual(expected), "\(pieces)")
    }
  }

  @Test(arguments: InstructionSet.tested, tilings)
  func encodingInPiecesGivesTheSameBytes(level: InstructionSet, tiling: VideoTiling?) throws {
    let encoder = try SmallVAE.make(level: level).encoder
    let pixels = try SmallVAE.noise("pixels", [13, 24, 32, 3])
    let whole = try encoder(pixels, tiling: tiling)
    #expect(try whole.mode().shape == [16, 4, 3, 4])
    let expected = try whole.mode().bytes() + whole.logVariance().bytes()
    for pieces in [[1, 4, 4, 4], [3, 0, 7, 1, 1, 1]] {
      var session = try encoder.session(rows: 24, columns: 32, tiling: tiling)
      var start = 0
      let parts = try pieces.map { count in
        defer { start += count }
        return try session.encode(pixels.sliced(start..<start + count))
      }
      try session.finish()
      let bytes = try SmallVAE.joined(parts.map { try $0.mode() }, axis: 1)
      let variances = try SmallVAE.joined(parts.map { try $0.logVariance() }, axis: 1)
      #expect((bytes + variances).elementsEqual(expected), "\(pieces)")
    }
  }

  @Test(arguments: [Arithmetic.f32, .bf16], tilings)
  func anyNumberOfThreadsGivesTheSameBytes(arithmetic: Arithmetic, tiling: VideoTiling?) throws {
    let latents = try SmallVAE.noise("latents", [16, 3, 4, 5])
    let pixels = try SmallVAE.noise("pixels", [9, 32, 40, 3])
    let results = try [1, 4].map { threads in
      let vae = try SmallVAE.make(arithmetic, threads: threads)
      return try vae.decoder(latents, tiling: tiling).bytes()
        + vae.encoder(pixels, tiling: tiling).mode().bytes()
    }
    #expect(results[0].elementsEqual(results[1]))
  }

  @Test func callersMayUseTheirMemoryAgain() throws {
    let vae = try SmallVAE.make()
    let pixels = try SmallVAE.noise("pixels", [5, 8, 8, 3])
    let expected = try vae.encoder(pixels).mode().bytes()
    let reused = try Tensor(zeros: [1, 8, 8, 3], dtype: .f32)
    var session = try vae.encoder.session(rows: 8, columns: 8)
    let parts = try (0..<5).map { index in
      reused.pointer.copyMemory(
        from: pixels.sliced(index..<index + 1).pointer, byteCount: reused.byteCount)
      return try session.encode(reused).mode()
    }
    #expect(try SmallVAE.joined(parts, axis: 1).elementsEqual(expected))
  }

  /// What is kept between frames does not grow.
  @Test func memoryDoesNotDependOnTheLength() throws {
    let vae = try SmallVAE.make()
    var decoding = try vae.decoder.session(rows: 2, columns: 2)
    let latent = try SmallVAE.noise("latent", [16, 1, 2, 2])
    var kept: [Int] = []
    for _ in 0..<200 {
      _ = try decoding.decode(latent)
      kept.append(decoding.keptByteCount)
    }
    #expect(kept[3...].allSatisfy { $0 == kept[3] } && kept[3] > 0, "\(kept)")
    #expect(kept[3] < vae.decoder.memoryNeeded(rows: 16, columns: 16))

    var encoding = try vae.encoder.session(rows: 16, columns: 16)
    kept = []
    for index in 0..<50 {
      _ = try encoding.encode(SmallVAE.noise("frames \(index)", [4, 16, 16, 3]))
      kept.append(encoding.keptByteCount)
    }
    #expect(kept[5...].allSatisfy { $0 == kept[5] } && kept[5] > 0, "\(kept)")
    #expect(kept[5] < vae.encoder.memoryNeeded(rows: 16, columns: 16))
  }

  @Test func chunksAreASequence() async throws {
    let vae = try SmallVAE.make()
    let pixels = try SmallVAE.noise("pixels", [9, 16, 16, 3])
    var frames = (0..<9).map { pixels.sliced($0..<$0 + 1) }[...]
    let latents = EncodedChunks(try vae.encoder.session(rows: 16, columns: 16)) {
      frames.popFirst()
    }
    var modes: [Tensor] = []
    for try await latent in latents { modes.append(try latent.mode()) }
    #expect(modes.map { $0.shape[1] } == [1, 1, 1])
    #expect(
      try SmallVAE.joined(modes, axis: 1).elementsEqual(vae.encoder(pixels).mode().bytes()))
  }

  @Test func pixelsArePulled() throws {
    let decoder = try SmallVAE.make().decoder
    var left = 3
    var chunks = DecodedChunks(try decoder.session(rows: 2, columns: 2)) {
      left -= 1
      return left < 0 ? nil : try SmallVAE.noise("latent \(left)", [16, 1, 2, 2])
    }
    var counts: [Int] = []
    while let chunk = try chunks.next() { counts.append(chunk.shape[0]) }
    #expect(counts == [1, 4, 4])
  }

  @Test func aClipThatEndsBetweenLatentFramesIsRefused() throws {
    let encoder = try SmallVAE.make().encoder
    var frames = 3
    var chunks = EncodedChunks(try encoder.session(rows: 8, columns: 8)) {
      frames -= 1
      return frames >= 0 ? try Tensor(zeros: [1, 8, 8, 3], dtype: .f32) : nil
    }
    #expect(try chunks.next()?.frameCount == 1)
    #expect(throws: NetworkError.self) { try chunks.next() }
    let pixels = try Tensor(zeros: [4, 8, 8, 3], dtype: .f32)
    #expect(throws: NetworkError.self) { try encoder(pixels) }
    #expect(throws: NetworkError.self) {
      try encoder(picture: pixels.sliced(0..<1), followedBy: pixels, frameCount: 4)
    }
  }

  @Test func inputsOfTheWrongShapeAreRefused() throws {
    let vae = try SmallVAE.make()
    for (rows, columns) in [(12, 16), (16, 0), (-8, 8), (8, 1 << 40)] {
      #expect(throws: NetworkError.self) { try vae.encoder.session(rows: rows, columns: columns) }
    }
    for (rows, columns) in [(0, 2), (2, Int.max), (Int.min, 2)] {
      #expect(throws: NetworkError.self) { try vae.decoder.session(rows: rows, columns: columns) }
    }
    for tiling in [
      VideoTiling(rows: 12, columns: 16, rowStride: 8, columnStride: 8),
      VideoTiling(rows: 16, columns: 16, rowStride: 24, columnStride: 8),
      VideoTiling(rows: 16, columns: 16, rowStride: 8, columnStride: 0),
    ] {
      #expect(throws: NetworkError.self) {
        try vae.decoder.session(rows: 4, columns: 4, tiling: tiling)
      }
    }
    var encoding = try vae.encoder.session(rows: 8, columns: 8)
    for (shape, type) in [
      ([1, 8, 8, 4], .f32), ([8, 8, 3], .f32), ([1, 8, 16, 3], .f32), ([1, 8, 8, 3], .bf16),
    ] as [(Shape, DType)] {
      #expect(throws: NetworkError.self) { try encoding.encode(Tensor(zeros: shape, dtype: type)) }
    }
    var decoding = try vae.decoder.session(rows: 1, columns: 1)
    for shape in [[15, 1, 1, 1], [16, 1, 1], [16, 1, 1, 2]] as [Shape] {
      #expect(throws: NetworkError.self) { try decoding.decode(Tensor(zeros: shape, dtype: .f32)) }
    }
    #expect(encoding.frameCount == 0 && decoding.latentFrameCount == 0)
  }

  /// A picture smaller than a tile is coded whole.
  @Test func smallPicturesNeedNoTiles() throws {
    let decoder = try SmallVAE.make().decoder
    let latents = try SmallVAE.noise("latents", [16, 2, 4, 3])
    let tiling = VideoTiling(rows: 32, columns: 32, rowStride: 16, columnStride: 16)
    #expect(try decoder(latents, tiling: tiling).bytes().elementsEqual(decoder(latents).bytes()))
    let wide = try SmallVAE.noise("latents", [16, 2, 4, 4])
    #expect(try !decoder(wide, tiling: tiling).bytes().elementsEqual(decoder(wide).bytes()))
  }
}
