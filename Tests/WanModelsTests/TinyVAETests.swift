import Checkpoints
import Foundation
import Layers
import TensorCore
import TestSupport
import Testing
import WanModels

@Suite struct TinyVAETests {
  private static let config = TinyVAEConfig(
    decoderWidths: [20, 12, 17, 9], encoderWidth: 11, latentChannels: 6)

  private static func execution(
    _ arithmetic: Arithmetic = .f32, threads: Int = 3
  ) throws -> Execution {
    Execution(
      arithmetic: arithmetic,
      context: try ComputeContext(instructionSet: .best, threadCount: threads))
  }

  private static func decoder(_ execution: Execution) throws -> TinyVAEDecoder {
    try TinyVAEDecoder(config, weights: ProceduralTensorSource(), execution: execution)
  }

  private static func encoder(_ execution: Execution) throws -> TinyVAEEncoder {
    try TinyVAEEncoder(config, weights: ProceduralTensorSource(), execution: execution)
  }

  private static func latents(_ frames: Int, _ rows: Int = 3, _ columns: Int = 5) throws -> Tensor {
    try ProceduralWeights.noise(
      "latents", shape: [config.latentChannels, frames, rows, columns], scale: 2)
  }

  private static func pixels(_ frames: Int) throws -> Tensor {
    try ProceduralWeights.noise("pixels", shape: [frames, 19, 16, 3], scale: 1)
  }

  // MARK: Streaming

  @Test(arguments: [Arithmetic.f32, .bf16])
  func decodingInPiecesChangesNothing(arithmetic: Arithmetic) throws {
    let decoder = try Self.decoder(Self.execution(arithmetic))
    let latents = try Self.latents(7)
    let whole = try decoder(latents)
    #expect(whole.shape == [25, 24, 40, 3])
    for pieces in [[1, 1, 1, 1, 1, 1, 1], [3, 4], [2, 0, 5], [6, 1]] {
      var session = try decoder.session(rows: 3, columns: 5)
      var (got, place) = ([UInt8](), 0)
      for count in pieces {
        let chunk = try session.decode(latents.sliced(place..<place + count, axis: 1))
        place += count
        #expect(chunk.shape[0] == (place == 0 ? 0 : 4 * count - (place == count ? 3 : 0)))
        got += try chunk.bytes()
      }
      #expect(session.latentFrameCount == 7)
      #expect(try got.elementsEqual(whole.bytes()), "pieces of \(pieces)")
    }
  }

  @Test(arguments: [5, 8], [Arithmetic.f32, .bf16])
  func encodingInPiecesChangesNothing(frames: Int, arithmetic: Arithmetic) throws {
    let encoder = try Self.encoder(Self.execution(arithmetic))
    let pixels = try Self.pixels(frames)
    let whole = try encoder(pixels)
    #expect(whole.shape == [6, 2, 3, 2])
    for size in [1, 2, 3, 7] {
      var session = encoder.session()
      var chunks: [Tensor] = []
      for place in stride(from: 0, to: frames, by: size) {
        // What the session keeps must not change with the caller's tensor.
        let piece = try pixels.sliced(place..<min(place + size, frames)).affine(scale: 1)
        chunks.append(try session.encode(piece))
        _ = try piece.affine(scale: 0, into: piece)
      }
      if let last = try session.finish() { chunks.append(last) }
      #expect(try session.finish() == nil)
      let frames = try chunks.flatMap { chunk in
        try (0..<chunk.shape[1]).map { try chunk.sliced($0..<$0 + 1, axis: 1).floats() }
      }
      #expect(frames.count == 2)
      for (index, frame) in frames.enumerated() {
        let want = try whole.sliced(index..<index + 1, axis: 1).floats()
        #expect(frame.elementsEqual(want), "frame \(index), pieces of \(size)")
      }
    }
  }

  @Test func theLastFrameIsRepeated() throws {
    let encoder = try Self.encoder(Self.execution())
    let short = try Self.pixels(5)
    let frames = try (0..<8).flatMap { try short.sliced(min($0, 4)..<min($0, 4) + 1).floats() }
    let long = try Tensor(frames, shape: [8, 19, 16, 3])
    #expect(try encoder(short).floats().elementsEqual(encoder(long).floats()))
  }

  @Test func threadsChangeNothing() throws {
    let executions = try [1, 4].map { try Self.execution(.bf16, threads: $0) }
    let latents = try Self.latents(2)
    let decoded = try executions.map { try Self.decoder($0)(latents).bytes() }
    #expect(decoded[0].elementsEqual(decoded[1]))
    let pixels = try Self.pixels(4)
    let encoded = try executions.map { try Self.encoder($0)(pixels).bytes() }
    #expect(encoded[0].elementsEqual(encoded[1]))
  }

  // MARK: Weights

  @Test func surplusGrowthIsLeftAlone() throws {
    // The rows that count, behind others: as if a checkpoint grew more frames than are needed.
    struct Padded: TensorSource {
      let base = ProceduralTensorSource()

      func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor {
        guard name.hasPrefix("decoder."), name.hasSuffix(".conv.weight"), shape[2] == 1 else {
          return try base.claim(name, shape: shape, as: dtype)
        }
        let used = shape[1] * (name.contains(".7.") ? 1 : 2)
        let values = try base.claim(name, shape: [used, shape[1], 1, 1], as: .f32).floats()
        let unused = [Float](repeating: .nan, count: shape.count - values.count)
        return try Tensor(unused + values, shape: shape)
      }
    }
    var config = Self.config
    config.growthChannels = [60, 24, 40]
    let execution = try Self.execution()
    let latents = try Self.latents(2)
    let got = try TinyVAEDecoder(config, weights: Padded(), execution: execution)(latents)
    let want = try Self.decoder(execution)(latents)
    #expect(try got.bytes().elementsEqual(want.bytes()))
  }

  @Test func sizesAreReadFromTheTensors() throws {
    var surplus = Self.config
    surplus.growthChannels = [21, 24, 34]
    var decoderAlone = Self.config
    decoderAlone.encoderWidth = nil
    for config in [.wan21, Self.config, surplus, decoderAlone] {
      let source = RecordingTensorSource()
      _ = try TinyVAEDecoder(config, weights: source, execution: Execution())
      if config.encoderWidth != nil {
        _ = try TinyVAEEncoder(config, weights: source, execution: Execution())
      }
      let declared = source.declarations.map { (name: $0.name, shape: $0.shape) }
      #expect(Set(declared.map(\.name)).count == declared.count)
      #expect(try TinyVAEConfig(shapes: NamedShapes(declared)) == config)
      let data = try JSONEncoder().encode(config)
      #expect(try JSONDecoder().decode(TinyVAEConfig.self, from: data) == config)
    }
    #expect(throws: NetworkError.self) { try TinyVAEConfig(shapes: NamedShapes([])) }
  }

  // MARK: Errors

  @Test func impossibleSizesAreNamed() throws {
    func message(_ change: (inout TinyVAEConfig) -> Void) -> String {
      var config = Self.config
      change(&config)
      do {
        _ = try TinyVAEEncoder(config, weights: RecordingTensorSource(), execution: Execution())
        return "no error"
      } catch {
        return "\(error)"
      }
    }
    #expect(message { $0.decoderWidths = [1, 2, 3] }.contains("'decoder_widths'"))
    #expect(message { $0.decoderWidths[1] = 0 }.contains("'decoder_widths'"))
    #expect(message { $0.encoderWidth = -1 }.contains("'encoder_width'"))
    #expect(message { $0.latentChannels = 0 }.contains("'latent_channels'"))
    #expect(message { $0.growthChannels = [20, 24, 33] }.contains("'growth_channels'"))
    var config = Self.config
    config.encoderWidth = nil
    #expect(throws: NetworkError.self) {
      try TinyVAEEncoder(config, weights: RecordingTensorSource(), execution: Execution())
    }
  }

  @Test func inputsOfTheWrongShapeAreRefused() throws {
    let decoder = try Self.decoder(Self.execution())
    let encoder = try Self.encoder(Self.execution())
    #expect(throws: NetworkError.self) { try decoder(Tensor(zeros: [6, 2, 3], dtype: .f32)) }
    #expect(throws: NetworkError.self) {
      try decoder(Tensor(zeros: [5, 2, 3, 4], dtype: .f32))
    }
    #expect(throws: NetworkError.self) {
      try decoder(Tensor(zeros: [6, 2, 3, 4], dtype: .bf16))
    }
    #expect(throws: NetworkError.self) { try decoder.session(rows: 0, columns: 4) }
    // Its normalisation is for 16 channels.
    #expect(throws: NetworkError.self) { try decoder(Self.latents(1), undoing: .wan21) }
    #expect(throws: NetworkError.self) { try encoder(Tensor(zeros: [4, 8, 8, 4], dtype: .f32)) }
    var session = encoder.session()
    _ = try session.encode(Tensor(zeros: [1, 8, 8, 3], dtype: .f32))
    #expect(throws: NetworkError.self) {
      try session.encode(Tensor(zeros: [1, 8, 16, 3], dtype: .f32))
    }
  }
}
