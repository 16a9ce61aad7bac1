import Foundation
import MediaIO
import TestSupport
import Testing

@Suite("Sound of written videos")
struct WriterSoundTests {
  /// A source: what ffmpeg is told, and what is expected of the sound.
  struct Source: Sendable, CustomTestStringConvertible {
    let file: String
    let arguments: [String]
    let codec: String
    var testDescription: String { file }

    init(_ file: String, _ arguments: String, becomes codec: String) {
      self.file = file
      self.arguments = arguments.split(separator: " ").map(String.init)
      self.codec = codec
    }

    static let all = [
      Source("aac.mp4", "-c:v mpeg4 -c:a aac", becomes: "aac"),
      Source("aac.ts", "-c:v mpeg2video -c:a aac -ac 2", becomes: "aac"),
      Source("aac.mkv", "-c:v mpeg4 -c:a aac -ar 44100", becomes: "aac"),
      Source("mp3.avi", "-c:v mpeg4 -c:a libmp3lame", becomes: "mp3"),
      Source("mp3-low.mkv", "-c:v mpeg4 -c:a libmp3lame -ar 8000", becomes: "aac"),
      Source("ac3.ts", "-c:v mpeg2video -c:a ac3", becomes: "ac3"),
      Source("alac.mov", "-c:v mpeg4 -c:a alac", becomes: "alac"),
      Source("opus.webm", "-c:v libvpx -c:a libopus", becomes: "aac"),
      Source("opus.mp4", "-c:v mpeg4 -c:a libopus", becomes: "aac"),
      Source("vorbis.webm", "-c:v libvpx -c:a libvorbis", becomes: "aac"),
      Source("flac.mkv", "-c:v mpeg4 -c:a flac", becomes: "aac"),
      Source("pcm.mov", "-c:v mpeg4 -c:a pcm_s16le", becomes: "aac"),
      Source("pcm-low.avi", "-c:v mpeg4 -c:a pcm_u8 -ar 8000", becomes: "aac"),
      Source("pcm-high.mkv", "-c:v mpeg4 -c:a pcm_s24le -ar 96000", becomes: "aac"),
      Source("surround.mkv", "-c:v mpeg4 -c:a flac -ac 6", becomes: "aac"),
      Source("eight.mov", "-c:v mpeg4 -c:a pcm_s16le -ac 8", becomes: "aac"),
      Source("alone.wav", "-vn", becomes: "aac"),
      Source("alone.opus", "-vn -c:a libopus", becomes: "aac"),
      Source("alone.mp3", "-vn -c:a libmp3lame", becomes: "mp3"),
      Source("alone.aac", "-vn -c:a aac", becomes: "aac"),
    ]
  }

  /// A tone that begins after one second.
  static let tone = ["-f", "lavfi", "-i", "aevalsrc=0.8*sin(5000*t)*gte(t\\,1):s=48000:d=2"]
  static let pictures = ["-f", "lavfi", "-i", "testsrc=s=32x32:r=30000/1001:d=2"]

  /// Seconds from the first picture, or the first sound where there is none, until the tone begins:
  /// in a source not exactly one, for some containers do not say how late their encoder is.
  static func onset(_ path: String) throws -> Double {
    let rate = 48000
    let file = try WrittenFile(path)
    let start = WrittenFile.number((file.video.isEmpty ? file.sound : file.video)?["start_time"])
    let data = try TestProgram.run(
      "ffmpeg",
      [
        "-v", "error", "-copyts", "-i", path, "-vn", "-af",
        "asetpts=PTS-(\(start))/TB,aresample=\(rate):async=1:min_hard_comp=0.01:first_pts=0",
        "-ac", "1", "-f", "f32le", "-",
      ])
    let samples = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    let loud = try #require(samples.map(abs).max()) / 2
    try #require(loud > 0.05)
    return Double(try #require(samples.firstIndex { abs($0) > loud })) / Double(rate)
  }

  @Test("every kind of sound is there, in step and cut to the video", arguments: Source.all)
  func kinds(source: Source) throws {
    let folder = try TemporaryFolder()
    let path = folder.file(source.file)
    try TestProgram.ffmpeg(Self.pictures + Self.tone + source.arguments + [path])
    let output = folder.file("video.mp4")
    let written = try SyntheticPictures.write(
      to: output, frames: 45, options: .init(sound: SoundSource(path: path)))
    let file = try WrittenFile(output)
    #expect(written.warnings.isEmpty)
    #expect(written.sound?.codec == source.codec)
    #expect(file.sound?["codec_name"] as? String == source.codec)
    #expect(file.frameCount == 45)
    #expect(file.video["r_frame_rate"] as? String == "30000/1001")
    #expect(file.video["avg_frame_rate"] as? String == "30000/1001")
    #expect(abs(WrittenFile.number(file.container["duration"]) - written.duration.value) < 2e-3)
    #expect(abs(file.soundStart) < 1001.0 / 30000)
    // ffprobe takes the length of AC-3 from its packets, the last of which is cut.
    let cut = source.codec == "ac3" ? 1536.0 / 48000 : 2e-3
    #expect(abs(file.soundEnd - written.duration.value) < cut)
    let expected = try Self.onset(path)
    #expect(abs(expected - 1) < 0.03)
    #expect(abs(try Self.onset(output) - expected) < 2e-3)
    #expect(try file.boxes() == ["ftyp", "moov", "free", "mdat"])
  }

  @Test("copied packets are the source's")
  func copies() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("source.mp4")
    let output = folder.file("video.mp4")
    try TestProgram.ffmpeg(Self.pictures + Self.tone + ["-c:v", "mpeg4", "-c:a", "aac", path])
    let written = try SyntheticPictures.write(
      to: output, frames: 45, options: .init(sound: SoundSource(path: path)))
    #expect(written.sound == WrittenSound(sourceCodec: "aac", codec: "aac", isCopied: true))
    let hashes = try [path, output].map { file in
      let packets =
        try TestProgram.ffprobe(
          file, ["-select_streams", "a", "-show_packets", "-show_data_hash", "md5"])["packets"]
        as? [[String: Any]]
      return (packets ?? []).compactMap { $0["data_hash"] as? String }
    }
    #expect(hashes[1].count >= 70)
    #expect(hashes[0].starts(with: hashes[1]))
  }

  @Test(
    "the source's sound may begin late or early, be longer or shorter",
    arguments: ["aac", "pcm_s16le", "libopus"])
  func offsets(codec: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("source.mkv")
    let output = folder.file("video.mp4")
    let codecs = ["-c:v", "mpeg4", "-c:a", codec, path]
    for offset in ["-0.4", "0.3"] {
      try TestProgram.ffmpeg(Self.pictures + ["-itsoffset", offset] + Self.tone + codecs)
      try SyntheticPictures.write(
        to: output, frames: 48, options: .init(sound: SoundSource(path: path), overwrites: true))
      let expected = try Self.onset(path)
      #expect(abs(expected - 1 - (Double(offset) ?? 0)) < 0.03)
      #expect(abs(try Self.onset(output) - expected) < 2e-3)
    }
    // A part of the source, and a sound that is shorter than the video.
    try TestProgram.ffmpeg(Self.pictures + Self.tone + codecs)
    let whole = try Self.onset(path)
    for start in [Rational(1, 2), Rational(-1, 2)] {
      try SyntheticPictures.write(
        to: output, frames: 90,
        options: .init(sound: SoundSource(path: path, start: start), overwrites: true))
      let file = try WrittenFile(output)
      #expect(file.frameCount == 90)
      #expect(abs(try Self.onset(output) - (whole - start.value)) < 2e-3)
      #expect(abs(file.soundEnd - (2 - start.value)) < 0.05)
    }
  }

  @Test("a gap stays a gap", arguments: ["aac", "flac"])
  func gaps(codec: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("source.mkv")
    let output = folder.file("video.mp4")
    try TestProgram.ffmpeg(
      Self.pictures + Self.tone + [
        "-af", "aselect='not(between(t,0.3,0.8))'", "-c:v", "mpeg4", "-c:a", codec, path,
      ])
    try SyntheticPictures.write(
      to: output, frames: 45, options: .init(sound: SoundSource(path: path)))
    #expect(abs(try Self.onset(output) - Self.onset(path)) < 2e-3)
  }

  @Test("sound that jumps a day ahead is silence, not memory")
  func jump() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("source.mkv")
    let output = folder.file("video.mp4")
    try TestProgram.ffmpeg(
      Self.pictures + Self.tone + [
        "-af", "asetpts=PTS+gt(T\\,1.2)*86400/TB", "-c:v", "mpeg4", "-c:a", "pcm_s16le", path,
      ])
    let written = try SyntheticPictures.write(
      to: output, frames: 60, options: .init(sound: SoundSource(path: path)))
    #expect(written.frameCount == 60)
    #expect(abs(try Self.onset(output) - 1) < 2e-3)
  }

  @Test("no sound, or none that can be used, leaves a silent video")
  func silence() throws {
    let folder = try TemporaryFolder()
    let silent = folder.file("silent.mp4")
    try TestProgram.ffmpeg(Self.pictures + ["-c:v", "mpeg4", silent])
    let output = folder.file("video.mp4")
    var written = try SyntheticPictures.write(
      to: output, frames: 5, options: .init(sound: SoundSource(path: silent)))
    #expect(written.sound == nil && written.warnings.isEmpty)
    #expect(try WrittenFile(output).sound == nil)

    // All of the sound lies behind the video.
    let wave = folder.file("sound.wav")
    try TestProgram.ffmpeg(Self.tone + [wave])
    let late = SoundSource(path: wave, start: Rational(-10))
    written = try SyntheticPictures.write(
      to: output, frames: 5, options: .init(sound: late, overwrites: true))
    #expect(written.sound == nil || written.warnings.isEmpty)

    #expect(throws: MediaError.self) {
      try SyntheticPictures.write(
        to: output, frames: 5,
        options: .init(sound: SoundSource(path: folder.file("none.mp4")), overwrites: true))
    }
  }

  @Test("damaged sound never costs the pictures", arguments: ["aac.ts", "flac.mkv", "mp3.avi"])
  func damage(name: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.file(name)
    let codec = ["aac.ts": "aac", "flac.mkv": "flac", "mp3.avi": "libmp3lame"][name] ?? ""
    try TestProgram.ffmpeg(
      Self.pictures + Self.tone + ["-c:v", "mpeg2video", "-c:a", codec, path])
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    var random = SeededGenerator(seed: 4)
    for round in 0..<6 {
      var bytes = whole
      for _ in 0..<40 {
        bytes[Int.random(in: whole.count / 4..<whole.count, using: &random)] =
          UInt8.random(in: 0...255, using: &random)
      }
      if round % 2 == 1 { bytes.removeLast(whole.count / 2) }
      let damaged = try folder.write(bytes, to: name)
      let output = folder.file("video\(round).mp4")
      do {
        try SyntheticPictures.write(
          to: output, frames: 50, options: .init(sound: SoundSource(path: damaged)))
      } catch is MediaError {
        // So damaged that it is no media file any more.
        continue
      }
      let file = try WrittenFile(output)
      #expect(file.frameCount == 50)
      #expect(abs(WrittenFile.number(file.video["duration"]) - 50 * 1001 / 30000) < 1e-4)
    }
  }
}
