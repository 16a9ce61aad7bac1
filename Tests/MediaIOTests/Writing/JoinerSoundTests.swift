import Foundation
import MediaIO
import TestSupport
import Testing

@Suite("Sound of joined videos")
struct JoinerSoundTests {
  struct Source: Sendable, CustomTestStringConvertible {
    let name: String
    let codec: String
    /// Whether the source's packets are taken as they are.
    let isCopied: Bool
    /// Frames of the source before the first one that is shown.
    let firstFrame: Int
    var testDescription: String { "\(name) from frame \(firstFrame)" }

    static let all = [
      ("aac.mp4", "aac", true), ("opus.mkv", "libopus", false), ("pcm.mov", "pcm_s16le", false),
    ].flatMap { source in
      [0, 1, 20].map {
        Source(name: source.0, codec: source.1, isCopied: source.2, firstFrame: $0)
      }
    }
  }

  @Test("it is in step, cut to the video, and as one writer has it", arguments: Source.all)
  func inStep(source: Source) throws {
    let pieces = try VideoPieces([20, 7, 1, 17])
    let path = pieces.folder.file(source.name)
    try TestProgram.ffmpeg(
      WriterSoundTests.pictures + WriterSoundTests.tone + [
        "-c:v", "mpeg4", "-c:a", source.codec, path,
      ])
    let information = try VideoReader(path: path, order: .rgb).information
    let sound = try #require(
      SoundSource(of: information, start: Rational(source.firstFrame * 1001, 30000)))
    let options = VideoWriterOptions(metadata: ["title": "a"], sound: sound)
    let written = try VideoJoiner.join(pieces.paths, to: pieces.output, options: options)
    #expect(written.warnings.isEmpty)
    #expect(written.sound?.codec == "aac")
    #expect(written.sound?.isCopied == source.isCopied)
    let file = try WrittenFile(pieces.output)
    #expect(file.frameCount == 45)
    #expect(abs(file.soundStart) < 1001.0 / 30000)
    let seconds = 45 * 1001.0 / 30000
    let expectedEnd = min(seconds, 2 - Double(source.firstFrame) * 1001 / 30000)
    #expect(abs(file.soundEnd - expectedEnd) < 0.03)
    #expect(file.soundEnd < seconds + 2e-3)
    #expect(abs(WrittenFile.number(file.container["duration"]) - seconds) < 2e-3)
    let onset = try WriterSoundTests.onset(path) - Double(source.firstFrame) * 1001 / 30000
    #expect(abs(try WriterSoundTests.onset(pieces.output) - onset) < 2e-3)
    #expect(try PicturePackets(pieces.output).isRegular(count: 45))

    let whole = pieces.folder.file("whole.mp4")
    try SyntheticPictures.write(to: whole, frames: 45, options: options)
    #expect(try Self.soundPackets(whole).elementsEqual(Self.soundPackets(pieces.output)))
  }

  /// Times and contents of the packets of sound.
  private static func soundPackets(_ path: String) throws -> [String] {
    let json = try TestProgram.ffprobe(
      path, ["-select_streams", "a", "-show_packets", "-show_data_hash", "md5"])
    return (json["packets"] as? [[String: Any]] ?? []).map {
      "\($0["pts"] ?? "") \($0["duration"] ?? "") \($0["data_hash"] ?? "")"
    }
  }

  @Test("pictures and sound lie beside each other in the file")
  func interleaved() throws {
    let pieces = try VideoPieces([50, 50, 50, 50])
    let path = pieces.folder.file("sound.wav")
    try TestProgram.ffmpeg(["-f", "lavfi", "-i", "sine=440:sample_rate=48000:d=8", path])
    try VideoJoiner.join(
      pieces.paths, to: pieces.output, options: .init(sound: SoundSource(path: path)))
    let json = try TestProgram.ffprobe(pieces.output, ["-show_packets"])
    let packets = (json["packets"] as? [[String: Any]] ?? []).map {
      (
        place: WrittenFile.number($0["pos"]), time: WrittenFile.number($0["dts_time"]),
        isSound: $0["codec_type"] as? String == "audio"
      )
    }.sorted { $0.place < $1.place }
    #expect(packets.count { $0.isSound } > 300 && packets.count { !$0.isSound } == 200)
    var times = (pictures: 0.0, sound: 0.0)
    var widest = 0.0
    for packet in packets {
      if packet.isSound { times.sound = packet.time } else { times.pictures = packet.time }
      widest = max(widest, abs(times.sound - times.pictures))
    }
    #expect(widest < 0.2)
  }

  @Test("a source without sound, or none that can be used, leaves a silent video")
  func silence() throws {
    let pieces = try VideoPieces([3])
    let written = try VideoJoiner.join(
      pieces.paths, to: pieces.output, options: .init(sound: SoundSource(path: pieces.paths[0])))
    #expect(written.sound == nil && written.warnings.isEmpty)
    #expect(try WrittenFile(pieces.output).sound == nil)
  }
}
