import Foundation
import MediaIO
import TestSupport
import Testing

@Suite("Videos joined from pieces")
struct VideoJoinerTests {
  @Test(
    "pieces of any length become one video, picture for picture",
    arguments: [[64, 64, 7], [1], [64, 1], [1, 1, 1, 1], [2, 64, 3], [5, 1, 1, 9]])
  func lengths(lengths: [Int]) throws {
    let pieces = try VideoPieces(lengths)
    var done: [Int] = []
    let written = try VideoJoiner.join(pieces.paths, to: pieces.output) { done.append($0) }
    #expect(done == lengths.indices.map { lengths[...$0].reduce(0, +) })
    #expect(written.frameCount == pieces.frameCount)
    #expect(written.duration == Rational(pieces.frameCount * 1001, 30000))
    #expect(written.sound == nil && written.warnings.isEmpty)
    let expected = try pieces.paths.flatMap { try DecodedPictures.digests($0) }
    #expect(expected.count == pieces.frameCount)
    #expect(try DecodedPictures.digests(pieces.output).elementsEqual(expected))
    #expect(try PicturePackets(pieces.output).isRegular(count: pieces.frameCount))
  }

  @Test("every preset's pieces fit", arguments: VideoWriterOptions.Preset.allCases)
  func presets(preset: VideoWriterOptions.Preset) throws {
    let pieces = try VideoPieces([20, 1, 2], options: .init(quality: 23, preset: preset))
    try VideoJoiner.join(pieces.paths, to: pieces.output)
    let expected = try pieces.paths.flatMap { try DecodedPictures.digests($0) }
    #expect(try DecodedPictures.digests(pieces.output).elementsEqual(expected))
    #expect(try PicturePackets(pieces.output).isRegular(count: 23))
  }

  @Test(
    "rates, durations and tags are those of one writer's video",
    arguments: [(30000, 1001), (25, 1), (24000, 1001), (1, 3), (2997, 100), (120, 1)])
  func likeOneWriter(rate: (Int, Int)) throws {
    let rate = Rational(rate.0, rate.1)
    let pieces = try VideoPieces([64, 9], rate: rate)
    let whole = pieces.folder.file("whole.mp4")
    try SyntheticPictures.write(to: whole, frames: pieces.frameCount, rate: rate)
    try VideoJoiner.join(pieces.paths, to: pieces.output)
    let (one, joined) = (try WrittenFile(whole), try WrittenFile(pieces.output))
    #expect(joined.frameCount == pieces.frameCount)
    let text = "\(rate.numerator)/\(rate.denominator)"
    #expect(joined.video["r_frame_rate"] as? String == text)
    #expect(joined.video["avg_frame_rate"] as? String == text)
    let seconds = Double(pieces.frameCount) / rate.value
    #expect(abs(WrittenFile.number(joined.container["duration"]) - seconds) < 1e-5)
    for name in [
      "codec_name", "profile", "level", "width", "height", "pix_fmt", "color_range", "color_space",
      "color_transfer", "color_primaries", "chroma_location", "sample_aspect_ratio", "time_base",
      "start_time", "duration_ts", "has_b_frames", "codec_tag_string", "extradata_size",
    ] {
      #expect("\(joined.video[name] ?? "none")" == "\(one.video[name] ?? "none")", "\(name)")
    }
    #expect(joined.video["color_space"] as? String == "bt709")
    #expect(try joined.boxes() == ["ftyp", "moov", "free", "mdat"])
    #expect(try PicturePackets(pieces.output).decoding == PicturePackets(whole).decoding)
  }

  @Test("ffprobe counts and decodes every picture")
  func counts() throws {
    let pieces = try VideoPieces([64, 64, 7])
    try VideoJoiner.join(pieces.paths, to: pieces.output)
    let json = try TestProgram.ffprobe(pieces.output, ["-count_frames", "-show_streams"])
    let stream = (json["streams"] as? [[String: Any]])?.first
    #expect(stream?["nb_frames"] as? String == "135")
    #expect(stream?["nb_read_frames"] as? String == "135")
  }

  @Test("the same pieces give the same bytes, wherever they lie")
  func sameBytes() throws {
    let pieces = try VideoPieces([64, 7])
    let options = VideoWriterOptions(metadata: ["comment": "{}", "seed": "42"], overwrites: true)
    try VideoJoiner.join(pieces.paths, to: pieces.output, options: options)
    let first = try Data(contentsOf: URL(fileURLWithPath: pieces.output))
    let others = try VideoPieces([64, 7])
    let output = others.folder.file("other name.mp4")
    try VideoJoiner.join(others.paths, to: output, options: options)
    #expect(try Data(contentsOf: URL(fileURLWithPath: output)).elementsEqual(first))
    // Also where a file is replaced.
    try VideoJoiner.join(others.paths, to: output, options: options)
    #expect(try Data(contentsOf: URL(fileURLWithPath: output)).elementsEqual(first))
  }

  /// In a process of its own: other tests' memory does not count.
  @Test("thousands of pieces take no more memory than a few")
  func manyPieces() async throws {
    await #expect(processExitsWith: .success) {
      let pieces = try VideoPieces([1], rows: 16, columns: 16)
      let join = { (count: Int) in
        try VideoJoiner.join(
          [String](repeating: pieces.paths[0], count: count), to: pieces.output,
          options: .init(overwrites: true))
      }
      _ = try join(500)
      try ProcessUsage.resetPeak()
      let before = try ProcessUsage.residentBytes()
      #expect(try join(3000).frameCount == 3000)
      // The index of 3000 pictures, and slack; a demuxer that stays has over 100 kB.
      let growth = try ProcessUsage.peakResidentBytes() - before
      #expect(growth < 12 << 20, "\(growth) bytes")
      #expect(try PicturePackets(pieces.output).isRegular(count: 3000))
    }
  }

  /// Text as jobs keep it: over 2 kB, with Chinese, line breaks, quotes and what FFmpeg escapes.
  static let text =
    "{\"prompt\": \"女孩在唱歌，色调艳丽\",\n\t\"negative\": \"\\\"最差质量\\\" = ; # ' \\\\\", \"more\": \""
    + String(repeating: "画得不好的手部，ä🎬\n", count: 80) + "\"}\n"

  @Test("long tags survive, by the writer and by the joiner", arguments: [true, false])
  func metadata(hasOwnKey: Bool) throws {
    let pieces = try VideoPieces([3, 2])
    #expect(Self.text.utf8.count > 2000)
    var tags = ["comment": Self.text, "title": "肖像"]
    if hasOwnKey { tags["flashportrait.request"] = Self.text }
    let whole = pieces.folder.file("whole.mp4")
    try SyntheticPictures.write(to: whole, frames: 2, options: .init(metadata: tags))
    try VideoJoiner.join(pieces.paths, to: pieces.output, options: .init(metadata: tags))
    for path in [whole, pieces.output] {
      let read = try MediaTags.read(path)
      let probed = try WrittenFile(path).tags
      for (key, value) in tags {
        #expect(read[key] == value, "\(key) as we read it")
        #expect(probed[key] == value, "\(key) as ffprobe reads it")
      }
    }
  }
}
