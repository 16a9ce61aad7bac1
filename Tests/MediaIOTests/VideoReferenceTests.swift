import Foundation
import MediaIO
import TestSupport
import Testing

/// Pictures against those of ffmpeg and OpenCV, written by scripts/reference/check_video.py to the
/// folder that `FLASHPORTRAIT_VIDEOS` names; nothing without it.
@Suite(.serialized) struct VideoReferenceTests {
  /// How far the pictures of a video are from a file of pictures.
  private struct Difference {
    var pictures = 0
    private var sum = 0.0
    private var count = 0.0
    private var near = 0.0
    private(set) var largest = 0

    mutating func add(_ ours: [UInt8], _ theirs: [UInt8]) {
      pictures += 1
      for (a, b) in zip(ours, theirs) {
        let difference = abs(Int(a) - Int(b))
        sum += Double(difference)
        near += difference <= 2 ? 1 : 0
        largest = max(largest, difference)
      }
      count += Double(ours.count)
    }

    var mean: Double { sum / max(count, 1) }
    var nearShare: Double { near / max(count, 1) }

    var line: String {
      let numbers = [mean, nearShare * 100].map { String(format: "%.3f", $0) }
      return "\(pictures) pictures, mean \(numbers[0]), largest \(largest), "
        + "within 2 levels \(numbers[1]) %"
    }
  }

  private static let folder = ProcessInfo.processInfo.environment["FLASHPORTRAIT_VIDEOS"]

  private static let names: [String] = {
    let files = folder.flatMap { try? FileManager.default.contentsOfDirectory(atPath: $0) } ?? []
    return files.filter { files.contains("\($0).ffmpeg.bgr") }.sorted()
  }()

  @Test(.enabled(if: folder != nil)) func findsVideos() { #expect(!Self.names.isEmpty) }

  @Test(arguments: names) func agrees(_ name: String) throws {
    let path = "\(try #require(Self.folder))/\(name)"
    let toFFmpeg = try #require(try difference(path, "ffmpeg"), "\(name): other sizes")
    print("\(name): from ffmpeg \(toFFmpeg.line)")
    #expect(toFFmpeg.pictures > 0 && toFFmpeg.mean < 0.01)
    if let toOpenCV = try difference(path, "opencv") {
      print("\(name): from OpenCV \(toOpenCV.line)")
    } else {
      print("\(name): from OpenCV another size or number of pictures")
    }
  }

  /// Prints how fast all of a video is read.
  @Test(arguments: names) func speed(_ name: String) throws {
    let reader = try VideoReader(path: "\(try #require(Self.folder))/\(name)", order: .bgr)
    var count = 0
    let time = try ContinuousClock().measure { while try reader.next() != nil { count += 1 } }
    print("\(name): \(count) pictures, \(Int(Double(count) / (time / .seconds(1)))) a second")
    #expect(count > 0)
  }

  /// - Returns: nil where the reference's bytes are not those of as many whole pictures as we read.
  private func difference(_ path: String, _ program: String) throws -> Difference? {
    let reader = try VideoReader(path: path, order: .bgr)
    let size = reader.information.rows * reader.information.columns * 3
    let reference = try FileHandle(
      forReadingFrom: URL(fileURLWithPath: "\(path).\(program).bgr"))
    var result = Difference()
    while let theirs = try reference.read(upToCount: size), !theirs.isEmpty {
      guard theirs.count == size, let frame = try reader.next(), !frame.isRepeat
      else { return nil }
      result.add(try frame.pixels.bytes(), [UInt8](theirs))
    }
    return result
  }
}
