import Checkpoints
import Layers
import PortraitPipeline
import TensorCore
import TestSupport
import Testing
import WanModels

/// The condition of a window.
@Suite struct ConditionLatentsTests {
  private let picture: Tensor

  init() throws {
    let noise = try ProceduralWeights.noise("picture", shape: [16, 24, 3], scale: 127.5).floats()
    picture = try Tensor(uninitialized: [16, 24, 3], dtype: .u8)
    for (index, value) in noise.enumerated() {
      picture.pointer.storeBytes(of: UInt8(value + 127.5), toByteOffset: index, as: UInt8.self)
    }
  }

  private func encoder(threads: Int = 2) throws -> WanVAEEncoder {
    var config = WanVAEConfig.wan21
    (config.dim, config.numResBlocks) = (6, 1)
    let context = try ComputeContext(instructionSet: .best, threadCount: threads)
    return try WanVAEEncoder(
      config, weights: ProceduralTensorSource(on: context),
      execution: Execution(arithmetic: .f32, context: context))
  }

  private func condition(_ frames: Int, threads: Int = 2) throws -> Tensor {
    try ConditionLatents.make(
      picture: picture, latentFrames: frames, encoder: encoder(threads: threads))
  }

  @Test func bytesBecomePixels() throws {
    let bytes = try Tensor(uninitialized: [1, 1, 3], dtype: .u8)
    for (index, value) in [UInt8(0), 51, 255].enumerated() {
      bytes.pointer.storeBytes(of: value, toByteOffset: index, as: UInt8.self)
    }
    let pixels = try ConditionLatents.pixels(of: bytes)
    #expect(pixels.shape == [1, 1, 3])
    let values = try pixels.floats()
    #expect(values[0] == -1 && abs(values[1] + 0.6) < 1e-6 && values[2] == 1)
  }

  @Test func onlyTheFirstFrameIsGiven() throws {
    let condition = try condition(5)
    #expect(condition.shape == [20, 5, 2, 3])
    let mask = try condition.sliced(0..<4).floats()
    let expected = (0..<4).flatMap { _ in
      [Float](repeating: 1, count: 6) + [Float](repeating: 0, count: 24)
    }
    #expect(mask == expected)
  }

  /// The latents are those of the picture and of frames that are all zero.
  @Test func theOtherFramesAreGrey() throws {
    let encoder = try encoder()
    let video = try Tensor(zeros: [9, 16, 24, 3], dtype: .f32)
    try ConditionLatents.pixels(of: picture).copy(into: video[0])
    let expected = try encoder(video).mode().bytes()
    let condition = try ConditionLatents.make(picture: picture, latentFrames: 3, encoder: encoder)
    #expect(try condition.sliced(4..<20).bytes().elementsEqual(expected))
  }

  /// A clip shorter than a window takes the beginning of the window's condition.
  @Test(arguments: [1, 2, 30])
  func thatOfAShorterWindowIsTheBeginning(frames: Int) throws {
    let whole = try condition(51).sliced(0..<frames, axis: 1).contiguous()
    let short = try condition(frames)
    #expect(short.shape == whole.shape)
    #expect(try short.bytes().elementsEqual(whole.bytes()))
  }

  @Test func threadsDoNotCount() throws {
    let (one, three) = try (condition(4, threads: 1), condition(4, threads: 3))
    #expect(try one.bytes().elementsEqual(three.bytes()))
  }

  @Test func sidesHaveToFitTheEncoder() throws {
    let odd = try picture.sliced(0..<12).contiguous()
    #expect(throws: NetworkError.self) {
      try ConditionLatents.make(picture: odd, latentFrames: 1, encoder: encoder())
    }
  }
}
