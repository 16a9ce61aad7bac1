import Layers
import TensorCore
import TestSupport
import Testing
import WanModels

/// Frames that repeat cost nothing once the encoder's memory has run full of them; the bytes are
/// those of computing every frame.
@Suite struct VAERepeatedFramesTests {
  /// A clip whose frames are `pictures` by number, each beginning with a zero.
  ///
  /// - Parameter alternating: whether that zero changes its sign from frame to frame: it changes no
  ///   result, but no frame repeats the one before it.
  static func clip(_ numbers: [Int], rows: Int, columns: Int, alternating: Bool) throws -> Tensor {
    let clip = try Tensor(zeros: [numbers.count, rows, columns, 3], dtype: .f32)
    for (index, number) in numbers.enumerated() {
      let target = clip.sliced(index..<index + 1).pointer.assumingMemoryBound(to: Float.self)
      if number > 0 {
        let picture = try SmallVAE.noise("picture \(number)", [rows, columns, 3])
        target.update(
          from: picture.pointer.assumingMemoryBound(to: Float.self), count: picture.count)
      }
      target[0] = alternating && index % 2 == 1 ? -0.0 : 0
    }
    return clip
  }

  static let sequences: [[Int]] = [
    [1] + [Int](repeating: 0, count: 132),
    [Int](repeating: 2, count: 61),
    [1, 2, 3] + [Int](repeating: 4, count: 50) + [5, 5, 5, 5, 5, 6, 7, 7]
      + [
        Int
      ](repeating: 0, count: 40),
    [1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 5],
  ]

  @Test(arguments: sequences, [Arithmetic.f32, .bf16])
  func sameBytesAsComputingEveryFrame(numbers: [Int], arithmetic: Arithmetic) throws {
    let encoder = try SmallVAE.make(arithmetic).encoder
    let numbers = numbers + [Int](repeating: 9, count: (129 - numbers.count % 4) % 4)
    for tiling in VAEStreamingTests.tilings {
      let clips = try [false, true].map {
        try Self.clip(numbers, rows: 24, columns: 32, alternating: $0)
      }
      let results = try clips.map { try encoder($0, tiling: tiling) }
      #expect(try results[0].mode().bytes().elementsEqual(results[1].mode().bytes()))
      #expect(
        try results[0].logVariance().bytes().elementsEqual(results[1].logVariance().bytes()))
    }
  }

  /// The condition's masked video: 201 frames, of which all but the first are zero.
  @Test func aPictureFollowedByZerosIsCheap() throws {
    let encoder = try SmallVAE.make(threads: 1).encoder
    let (rows, columns) = (32, 32)
    let numbers = [1] + [Int](repeating: 0, count: 200)
    let whole = try Self.clip(numbers, rows: rows, columns: columns, alternating: true)
    let picture = try whole.sliced(0..<1).reshaped([rows, columns, 3])
    let zeros = try Tensor(zeros: [rows, columns, 3], dtype: .f32)

    var start = ProcessUsage.threadSeconds()
    let expected = try encoder(whole).mode().bytes()
    let wholeSeconds = ProcessUsage.threadSeconds() - start
    start = ProcessUsage.threadSeconds()
    let latents = try encoder(picture: picture, followedBy: zeros, frameCount: 201)
    let seconds = ProcessUsage.threadSeconds() - start
    #expect(latents.frameCount == 51)
    #expect(try latents.mode().bytes().elementsEqual(expected))
    // About 6; 1.7 is what stopping at the first unchanged chunk would give.
    #expect(wholeSeconds > 2.5 * seconds, "\(wholeSeconds) s, \(seconds) s")
  }

  @Test func oneFrameAlone() throws {
    let encoder = try SmallVAE.make().encoder
    let picture = try SmallVAE.noise("picture", [16, 16, 3])
    let expected = try encoder(picture.reshaped([1, 16, 16, 3])).mode().bytes()
    let latents = try encoder(picture: picture, followedBy: picture, frameCount: 1)
    #expect(latents.frameCount == 1)
    #expect(try latents.mode().bytes().elementsEqual(expected))
  }
}
