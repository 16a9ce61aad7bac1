import Foundation
import MediaIO
import PortraitPipeline
import TensorCore
import TestSupport
import Testing

/// Latents to pieces of video.
@Suite struct VideoDecodingTests {
  @Test func piecesHoldTheKeptFrames() throws {
    let clip = DecodedClip()
    let folder = try TemporaryFolder()
    var events: [JobEvent] = []
    let paths = try clip.decode(in: folder.path) { events.append($0) }
    let names = paths.map { URL(fileURLWithPath: $0).lastPathComponent }
    #expect(names == ["piece-00000.mp4", "piece-00001.mp4", "piece-00002.mp4"])
    #expect(paths.allSatisfy { $0.hasPrefix(folder.path + "/video/") })
    let expected = try clip.expectedFrames()
    #expect(expected.shape == [142, 24, 32, 3])
    var frames: [[Float]] = []
    var counts: [Int] = []
    for path in paths {
      let reader = try VideoReader(path: path, order: .rgb)
      #expect(reader.information.frameRate.value == 25)
      let before = frames.count
      while let frame = try reader.next() { frames.append(try Self.brightness(frame.pixels)) }
      counts.append(frames.count - before)
    }
    #expect(counts == [60, 64, 18])
    // Each is nearest to the frame that it should be.
    let pictures = try (0..<142).map { try Self.brightness(expected[$0]) }
    for (index, frame) in frames.enumerated() {
      let distances = pictures.map { zip($0, frame).reduce(0) { $0 + abs($1.0 - $1.1) } }
      let nearest = distances.indices.min { distances[$0] < distances[$1] }
      #expect(nearest == index, "frame \(index)")
    }
    Self.expectOrder(events, frames: 142)
  }

  private static func brightness(_ pixels: Tensor) throws -> [Float] {
    let values = try pixels.floats()
    return stride(from: 0, to: values.count, by: 3).map {
      0.2126 * values[$0] + 0.7152 * values[$0 + 1] + 0.0722 * values[$0 + 2]
    }
  }

  private static func expectOrder(_ events: [JobEvent], frames: Int) {
    guard case .began(.decoding, total: frames, resumed: 0)? = events.first,
      case .finished(.decoding)? = events.last
    else {
      Issue.record("\(events)")
      return
    }
    let counts = events.compactMap { event in
      if case .advanced(.decoding, let done) = event { return done } else { return nil }
    }
    #expect(counts.count == events.count - 2)
    #expect(counts == counts.sorted() && counts.last == frames)
  }

  /// Frames at both ends that nobody wants, whole pieces of them among these.
  @Test(arguments: [
    (1, 0..<1, ["0"]), (1, 0..<0, []), (2, 1..<2, ["0"]), (16, 1..<61, ["0"]),
    (17, 1..<62, ["0", "1"]), (17, 1..<61, ["0"]), (40, 61..<70, ["1"]), (40, 130..<157, ["2"]),
  ])
  func onlyPiecesWithFramesAreWritten(
    latentFrames: Int, keeping: Range<Int>, names: [String]
  ) throws {
    var clip = DecodedClip()
    (clip.latentFrames, clip.keeping) = (latentFrames, keeping)
    let folder = try TemporaryFolder()
    let paths = try clip.decode(in: folder.path)
    #expect(paths == names.map { "\(folder.path)/video/piece-0000\($0).mp4" })
    let counts = try paths.map { path in
      try VideoReader(path: path, order: .rgb).information.estimatedFrameCount ?? 0
    }
    #expect(counts.reduce(0, +) == keeping.count)
  }

  @Test(arguments: DecodedClip.Network.allCases)
  func threadsChangeNoByte(network: DecodedClip.Network) throws {
    var clip = DecodedClip()
    (clip.network, clip.latentFrames, clip.keeping) = (network, 18, 1..<69)
    let results = try [1, 2, 3].map { threads in
      clip.threads = threads
      return try clip.undisturbed()
    }
    #expect(results[0].count == 2)
    #expect(results[0] == results[1] && results[0] == results[2])
  }

  @Test func bytesAreTruncated() throws {
    let values: [Float] = [
      -1, 1, 0, -0.0, .nan, .infinity, -.infinity, 2, -3, 0.99999, 0.9960784, 0.003921568,
      -0.9921569, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
    ]
    let expected: [UInt8] = [0, 255, 127, 127, 0, 255, 0, 255, 0, 254, 254, 127, 0, 127, 255]
    let bytes = try Tensor(values, shape: [1, 1, 5, 3]).displayBytes()
    #expect(bytes.dtype == .u8 && bytes.shape == [1, 1, 5, 3])
    #expect(try bytes.bytes() == expected)
    #expect(throws: TensorError.self) { try bytes.displayBytes() }
  }

  /// More than one thread's share.
  @Test func allBytesAreMade() throws {
    let count = 300_007
    let values = (0..<count).map { Float($0) / Float(count) * 3 - 1.5 }
    let expected = values.map { UInt8(max(0, min(1, $0 / 2 + 0.5)) * 255) }
    let bytes = try Tensor(values, shape: [count]).displayBytes()
    #expect(try bytes.bytes().elementsEqual(expected))
  }

  // In a process of its own, whose memory is that of this test alone.
  @Test func memoryDoesNotDependOnTheLength() async {
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      var clip = DecodedClip()
      (clip.rows, clip.columns) = (24, 24)
      func peak(_ latentFrames: Int) throws -> Int {
        (clip.latentFrames, clip.keeping) = (latentFrames, 1..<4 * latentFrames - 3)
        let folder = try TemporaryFolder()
        try ProcessUsage.resetPeak()
        _ = try clip.decode(in: folder.path)
        return try ProcessUsage.peakResidentBytes()
      }
      _ = try peak(20)
      let short = try peak(20)
      let long = try peak(200)
      print("\(short >> 20) MiB for 20 latent frames, \(long >> 20) for 200")
      // The additional frames are 80 MiB as bytes, four times that as numbers. Two encoders at a time
      // have whole pieces only in the longer clip.
      #expect(long - short < 32 << 20)
    }
    print(String(decoding: result?.standardOutputContent ?? [], as: UTF8.self))
  }
}
