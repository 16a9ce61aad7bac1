import Foundation
import MediaIO
import TestSupport
import Testing

/// Videos that are damaged, incomplete, or none at all: each is read as far as it goes, or refused
/// with one line.
struct DamagedVideoTests {
  private func refusal(of path: String) -> MediaError? {
    do {
      _ = try VideoContent(reading: path)
      return nil
    } catch { return error as? MediaError }
  }

  /// Damaged files of each kind; more by `FLASHPORTRAIT_DAMAGED`.
  @Test(arguments: [
    ("a.mp4", ["-pix_fmt", "yuv420p", "-g", "4"]),
    ("a.webm", ["-c:v", "libvpx", "-deadline", "realtime", "-g", "4"]),
    ("a.ts", ["-pix_fmt", "yuv420p", "-g", "4"]),
    ("a.avi", ["-c:v", "mjpeg"]),
    ("a.gif", []),
    // Fields; a turned one.
    ("a.mpg", ["-vf", "interlace", "-c:v", "mpeg2video", "-flags", "+ildct+ilme"]),
    ("a.mov", ["-c:v", "prores", "-metadata:s:v", "rotate=90"]),
  ])
  func neitherTrapsNorHangs(_ video: (name: String, arguments: [String])) throws {
    let folder = try TemporaryFolder()
    let original = try TestVideo.make(
      video.name, in: folder, source: "testsrc2=s=48x32:r=25:d=0.4", video.arguments)
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: original)))
    let count = UInt64(Damage.count(usual: 120))
    var readable: UInt64 = 0
    for seed in 0..<count {
      let path = try folder.write(
        Damage.damaged(bytes, seed: seed), to: "damaged-\(video.name)")
      do {
        let content = try VideoContent(reading: path, limit: 100)
        readable += content.count > 0 ? 1 : 0
      } catch {
        let line = String(describing: try #require(error as? MediaError, "seed \(seed)"))
        #expect(line.hasPrefix(path) && !line.contains("\n"), "seed \(seed): \(line)")
      }
    }
    // Most damage leaves something to read.
    #expect(readable > count / 4)
  }

  @Test(arguments: ["a.mp4", "a.ts", "a.mkv", "a.avi"]) func isCutOff(_ name: String) throws {
    let folder = try TemporaryFolder()
    let original = try TestVideo.make(name, in: folder)
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: original)))
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<8 {
      let length = Int.random(in: 1..<bytes.count, using: &generator)
      let path = try folder.write(Array(bytes.prefix(length)), to: "cut-\(name)")
      do {
        #expect((1...27).contains(try VideoContent(reading: path).count))
      } catch { #expect(error is MediaError) }
    }
  }

  @Test func damagedMiddleIsReported() throws {
    let folder = try TemporaryFolder()
    let original = try TestVideo.make("a.avi", in: folder, ["-c:v", "mjpeg"])
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: original)))
    // A JPEG picture in the middle, up to the next one's header, is lost.
    let starts = bytes.indices.dropLast(2).filter {
      bytes[$0] == 0xff && bytes[$0 + 1] == 0xd8 && bytes[$0 + 2] == 0xff
    }
    let middle = starts.count / 2
    for index in starts[middle]..<starts[middle + 1] - 8 { bytes[index] = 0 }
    let content = try VideoContent(reading: try folder.write(bytes, to: "b.avi"))
    #expect(content.damage.lostPackets == 1)
    #expect(content.damage.warnings.count == 1)
    #expect(content.count == 25)
    #expect(content.repeats == 1)
  }

  @Test func whatIsNoVideo() throws {
    let folder = try TemporaryFolder()
    let missing = folder.file("missing.mp4")
    #expect(refusal(of: missing) == .missing(path: missing))
    guard case .unreadable = refusal(of: folder.path) else {
      Issue.record("a folder")
      return
    }
    let empty = try folder.write([], to: "empty.mp4")
    #expect(
      refusal(of: empty) == .nothingToRead(path: empty, expected: "a video", found: "nothing"))
    var generator = SeededGenerator(seed: 4)
    let noise = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    for name in ["noise", "noise.mp4", "noise.txt", "noise.yuv"] {
      let path = try folder.write(noise, to: name)
      guard let refusal = refusal(of: path) else {
        Issue.record("\(name) was read")
        continue
      }
      #expect(!refusal.description.contains("\n"))
    }
  }

  @Test func soundAlone() throws {
    let folder = try TemporaryFolder()
    let sound = try TestVideo.make("a.m4a", in: folder, source: "sine=d=1", ["-c:a", "aac"])
    #expect(
      refusal(of: sound)
        == .nothingToRead(path: sound, expected: "a video", found: "sound only"))
    let cover = try TestVideo.make("cover.png", in: folder, ["-frames:v", "1"])
    let song = folder.file("song.mp3")
    try TestProgram.ffmpeg([
      "-i", sound, "-i", cover, "-map", "0", "-map", "1", "-c:v", "copy", "-c:a", "mp3",
      "-disposition:v", "attached_pic", song,
    ])
    #expect(
      refusal(of: song)
        == .nothingToRead(
          path: song, expected: "a video", found: "sound with a cover picture only"))
  }

  /// Lists that name other files are refused, also where those files exist.
  @Test(arguments: ["ffconcat version 1.0\nfile a.mp4\n", "#EXTM3U\n#EXTINF:1,\na.ts\n"])
  func opensNoOtherFile(_ text: String) throws {
    let folder = try TemporaryFolder()
    for name in ["a.mp4", "a.ts"] { _ = try TestVideo.make(name, in: folder) }
    for name in ["list.txt", "list.mp4", "list.m3u8"] {
      #expect(refusal(of: try folder.write(Array(text.utf8), to: name)) != nil)
    }
  }

  @Test func readersMayBeDropped() throws {
    let folder = try TemporaryFolder()
    let path = try TestVideo.make("a.mp4", in: folder)
    for count in 0..<20 {
      let reader = try VideoReader(path: path, order: .bgr)
      for _ in 0..<count { _ = try reader.next() }
    }
    let reader = try VideoReader(path: path, order: .bgr)
    reader.cancel()
    #expect(throws: MediaError.cancelled(path: path)) { while try reader.next() != nil {} }
  }
}
