import Foundation
import Imaging
import MediaIO
import TestSupport
import Testing

/// Containers, codecs and pixel formats.
struct VideoFormatTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    var source = "testsrc2=s=64x48:r=25:d=1"
    let arguments: [String]
    var rate = Rational(25)
    var frames = 25
    var size = [64, 48]
    /// Mean difference from what ffmpeg decodes.
    var difference = 0.01
    /// Where ffmpeg has to look for the colour samples: at the left, but between two pixels in JPEG.
    var chroma = "0"

    var testDescription: String { name }
  }

  static let ntsc = "testsrc2=s=64x48:r=30000/1001:d=1.001"
  static let cases = [
    Case(name: "h264.mp4", arguments: ["-pix_fmt", "yuv420p"]),
    Case(name: "444.mp4", arguments: ["-pix_fmt", "yuv444p"]),
    Case(
      name: "odd.mkv", arguments: ["-vf", "scale=67:45,setsar=1", "-c:v", "ffv1"], size: [67, 45]),
    Case(
      name: "vp9.webm", source: ntsc, arguments: ["-c:v", "libvpx-vp9", "-deadline", "realtime"],
      rate: Rational(30000, 1001), frames: 30),
    Case(name: "prores.mov", arguments: ["-c:v", "prores"]),
    Case(name: "mjpeg.avi", arguments: ["-c:v", "mjpeg", "-q:v", "2"], chroma: "128"),
    Case(
      name: "flash.flv", source: ntsc, arguments: ["-c:v", "flv"], rate: Rational(30000, 1001),
      frames: 30),
    Case(name: "transport.ts", arguments: ["-pix_fmt", "yuv420p"]),
    Case(name: "raw.h264", arguments: ["-pix_fmt", "yuv420p"]),
    Case(name: "raw.y4m", arguments: ["-pix_fmt", "yuv422p"]),
    Case(
      name: "animation.gif", source: "testsrc2=s=64x48:r=10:d=2", arguments: [],
      rate: Rational(10), frames: 20),
    Case(
      name: "animation.apng", source: "testsrc2=s=64x48:r=10:d=2", arguments: [],
      rate: Rational(10), frames: 20),
    Case(
      name: "ntsc.mkv", source: ntsc, arguments: ["-pix_fmt", "yuv420p"],
      rate: Rational(30000, 1001), frames: 30),
    Case(
      name: "film.mp4", source: "testsrc2=s=64x48:r=24000/1001:d=1.001",
      arguments: ["-pix_fmt", "yuv420p"], rate: Rational(24000, 1001), frames: 24),
    Case(name: "gray.mkv", arguments: ["-c:v", "ffv1", "-pix_fmt", "gray"]),
    Case(name: "rgb.mkv", arguments: ["-c:v", "ffv1", "-pix_fmt", "bgra"]),
    Case(name: "10bit.mkv", arguments: ["-c:v", "ffv1", "-pix_fmt", "yuv420p10le"]),
    Case(name: "rgb48.mkv", arguments: ["-c:v", "ffv1", "-pix_fmt", "rgb48le"]),
    Case(
      name: "pixel.mkv", source: "testsrc2=s=64x48:r=25:d=1",
      arguments: ["-vf", "scale=1:1", "-c:v", "ffv1", "-pix_fmt", "yuv444p"], size: [1, 1]),
    Case(
      name: "pixel420.mkv", source: "testsrc2=s=64x48:r=25:d=1",
      arguments: ["-vf", "scale=1:1", "-c:v", "ffv1", "-pix_fmt", "yuv420p"], size: [1, 1]),
    Case(
      name: "tall.mkv", source: "testsrc2=s=4320x7680:r=25:d=0.08",
      arguments: ["-c:v", "mpeg4", "-q:v", "2"], frames: 2, size: [4320, 7680]),
  ]

  @Test(arguments: cases) func reads(_ test: Case) throws {
    let folder = try TemporaryFolder()
    let path = try TestVideo.make(
      test.name, in: folder, source: test.source, test.arguments)
    let content = try VideoContent(reading: path)
    #expect(content.information.frameRate == test.rate)
    #expect([content.information.columns, content.information.rows] == test.size)
    #expect(content.count == test.frames)
    #expect(content.repeats == 0)
    #expect(content.damage.warnings == [])

    let raw = folder.file("raw.rgb")
    try TestProgram.ffmpeg([
      "-i", path, "-frames:v", "1", "-vf",
      "scale=flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
        + ":in_h_chr_pos=\(test.chroma):sws_dither=none",
      "-f", "rawvideo", "-pix_fmt", "rgb24", raw,
    ])
    let expected = [UInt8](try Data(contentsOf: URL(fileURLWithPath: raw)))
    let difference = try #require(meanDifference(content.pictures[0], expected))
    #expect(difference <= test.difference)
  }

  @Test func channelOrder() throws {
    let folder = try TemporaryFolder()
    let path = try TestVideo.make("a.mp4", in: folder)
    let rgb = try VideoContent(reading: path).pictures[0]
    let bgr = try VideoContent(reading: path, order: .bgr).pictures[0]
    #expect(stride(from: 0, to: rgb.count, by: 3).allSatisfy { rgb[$0] == bgr[$0 + 2] })
    #expect(stride(from: 0, to: rgb.count, by: 3).allSatisfy { rgb[$0 + 1] == bgr[$0 + 1] })
  }

  @Test func numberedPictures() throws {
    let folder = try TemporaryFolder()
    _ = try TestVideo.make("%03d.png", in: folder, ["-pix_fmt", "rgba"])
    let content = try VideoContent(reading: folder.file("%03d.png"))
    #expect(content.count == 25)
    #expect(content.information.frameRate == Rational(25))
    #expect(throws: MediaError.missing(path: folder.file("x%03d.png"))) {
      _ = try VideoReader(path: folder.file("x%03d.png"), order: .rgb)
    }
  }

  /// Two openings, whatever the threads do, give the same pictures.
  @Test func isReproducible() throws {
    let folder = try TemporaryFolder()
    let path = try TestVideo.make("a.mp4", in: folder)
    let first = try VideoContent(reading: path, keeping: true)
    let second = try VideoContent(reading: path, keeping: true)
    #expect(first.pictures.count == 25)
    #expect(first.pictures.elementsEqual(second.pictures) { $0.elementsEqual($1) })
  }
}
