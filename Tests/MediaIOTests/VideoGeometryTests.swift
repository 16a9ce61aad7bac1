import Foundation
import MediaIO
import TestSupport
import Testing

/// Turned, stretched, interlaced and bright videos, and their sound.
struct VideoGeometryTests {
  /// Four quarters of different colours: red, green; blue, white.
  private static let quarters =
    "color=red:s=32x24:r=25:d=0.2[a];color=lime:s=32x24:r=25:d=0.2[b];"
    + "color=blue:s=32x24:r=25:d=0.2[c];color=white:s=32x24:r=25:d=0.2[d];"
    + "[a][b]hstack[t];[c][d]hstack[u];[t][u]vstack"

  /// The letters of the colours of the corners: upper left and right, lower left and right.
  private func corners(_ content: VideoContent) -> String {
    let (bottom, right) = (content.information.rows - 4, content.information.columns - 4)
    return [(3, 3), (3, right), (bottom, 3), (bottom, right)].map { row, column in
      let bright = content.pixel(row, column).map { $0 > 128 }
      return switch bright {
      case [true, false, false]: "r"
      case [false, true, false]: "g"
      case [false, false, true]: "b"
      case [true, true, true]: "w"
      default: "?"
      }
    }.joined()
  }

  /// The matrix a, b, c, d of `tkhd`, the corners that must be seen.
  @Test(
    arguments: [
      ([1, 0, 0, 1], "rgbw"), ([-1, 0, 0, 1], "grwb"), ([-1, 0, 0, -1], "wbgr"),
      ([1, 0, 0, -1], "bwrg"), ([0, 1, 1, 0], "rbgw"), ([0, 1, -1, 0], "brwg"),
      ([0, -1, -1, 0], "wgbr"), ([0, -1, 1, 0], "gwrb"),
    ], ["mp4", "mov"])
  func standsUpright(_ turn: ([Int32], String), _ container: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.\(container)")
    try TestProgram.ffmpeg([
      "-f", "lavfi", "-i", Self.quarters, "-pix_fmt", "yuv420p", path,
    ])
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let header = try #require(
      bytes.indices.dropLast(4).first { bytes[$0..<$0 + 4].elementsEqual("tkhd".utf8) })
    // Version 0: the matrix lies 44 bytes after the name.
    for (number, place) in zip(turn.0, [0, 4, 12, 16]) {
      let value = UInt32(bitPattern: number << 16)
      for byte in 0..<4 {
        bytes[header + 44 + place + byte] = UInt8(truncatingIfNeeded: value >> (24 - 8 * byte))
      }
    }
    let content = try VideoContent(reading: try folder.write(bytes, to: "b.\(container)"))
    #expect(corners(content) == turn.1)
    let isTurned = turn.0[0] == 0
    #expect(content.information.columns == (isTurned ? 48 : 64))
    #expect(content.information.rows == (isTurned ? 64 : 48))
  }

  @Test func pixelsBecomeSquare() throws {
    let folder = try TemporaryFolder()
    for (aspect, size) in [("2/1", [128, 48]), ("1/2", [64, 96]), ("16/11", [93, 48])] {
      let path = try TestVideo.make(
        "a.mkv", in: folder, ["-vf", "setsar=\(aspect)", "-c:v", "ffv1"])
      let information = try VideoReader(path: path, order: .rgb).information
      #expect([information.columns, information.rows] == size)
    }
  }

  @Test func sizeMayChange() throws {
    let folder = try TemporaryFolder()
    for size in ["64x48", "32x48"] {
      _ = try TestVideo.make(
        "\(size).m2v", in: folder, source: "color=white:s=\(size):r=25:d=0.4", ["-bf", "0"])
    }
    let parts = try ["64x48.m2v", "32x48.m2v"].map {
      [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.file($0))))
    }
    let path = try folder.write(parts[0] + parts[1], to: "both.m2v")
    let content = try VideoContent(reading: path, keeping: true)
    #expect(content.information.columns == 64 && content.information.rows == 48)
    let last = content.pictures.count - 1
    #expect(content.pixel(24, 32, of: last).allSatisfy { $0 > 240 })
    #expect(content.pixel(24, 2, of: last) == [0, 0, 0])
  }

  @Test func fieldsBecomeFrames() throws {
    let folder = try TemporaryFolder()
    let path = try TestVideo.make(
      "a.mpg", in: folder, source: "testsrc2=s=128x96:r=50:d=1",
      ["-vf", "interlace", "-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-q:v", "2"])
    let content = try VideoContent(reading: path)
    #expect(content.information.isInterlaced)
    #expect(content.information.frameRate == Rational(25))
    #expect((24...26).contains(content.count))
  }

  /// Colours and range are taken as they are tagged.
  @Test(arguments: ["bt709", "smpte170m", "bt2020nc"], ["tv", "pc"])
  func matrixAndRange(_ matrix: String, _ range: String) throws {
    let folder = try TemporaryFolder()
    let name = matrix == "bt2020nc" ? "bt2020" : matrix
    let path = try TestVideo.make(
      "a.mp4", in: folder, source: "color=0xc83c28:s=64x48:r=25:d=0.2",
      [
        "-vf", "scale=out_color_matrix=\(name):out_range=\(range),format=yuv444p", "-qp", "0",
        "-colorspace", matrix, "-color_range", range,
      ])
    let pixel = try VideoContent(reading: path).pixel(20, 20)
    #expect(zip(pixel, [200, 60, 40]).allSatisfy { abs($0 - $1) <= 2 })
  }

  /// Diffuse white of BT.2408 (58 % of PQ, 75 % of HLG) is bright, grey stays grey.
  @Test(arguments: [("smpte2084", 0.58), ("arib-std-b67", 0.75)])
  func brightLightIsMapped(_ transfer: String, _ white: Double) throws {
    let folder = try TemporaryFolder()
    let luma = Int(64 + 876 * white)
    let path = try TestVideo.make(
      "a.mkv", in: folder, source: "color=black:s=64x48:r=25:d=0.2",
      [
        "-vf", "format=yuv420p10le,geq=lum=\(luma):cb=512:cr=512", "-c:v", "ffv1",
        "-color_trc", transfer, "-color_primaries", "bt2020", "-colorspace", "bt2020nc",
      ])
    let content = try VideoContent(reading: path)
    #expect(content.information.isHighDynamicRange)
    let pixel = content.pixel(20, 20)
    #expect(pixel.allSatisfy { $0 > 190 && $0 < 255 && abs($0 - pixel[0]) <= 1 })
  }

  @Test(arguments: [("aac", "mp4", 48000), ("libopus", "webm", 48000), ("pcm_s16le", "mov", 44100)])
  func sound(_ codec: String, _ container: String, _ rate: Int) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.\(container)")
    let video = container == "webm" ? "libvpx" : "libx264"
    try TestProgram.ffmpeg([
      "-f", "lavfi", "-i", "testsrc2=s=64x48:r=30000/1001:d=1.001", "-itsoffset", "0.25",
      "-f", "lavfi", "-i", "sine=d=1:r=\(rate)", "-c:v", video, "-pix_fmt", "yuv420p",
      "-c:a", codec, "-ac", "2", path,
    ])
    let content = try VideoContent(reading: path)
    #expect(content.count == 30)
    #expect(content.information.frameRate == Rational(30000, 1001))
    let sound = try #require(content.information.sound)
    #expect(sound.sampleRate == rate)
    #expect(sound.channels == 2)
    #expect(abs(sound.startOffset.value - 0.25) < 0.05)
  }
}
