import MediaIO
import TestSupport
import Testing

/// Videos read at a rate that is not their own.
struct FrameResamplingTests {
  /// The frame shown at each place, by counting alone: the nearest in time, the earlier of two; as
  /// many places as the duration has, rounded, and one at least.
  private func nearest(count: Int, own: Rational, rate: Rational) -> [Int] {
    // Times in units of 1 / (own.numerator * rate.numerator) seconds.
    let frame = own.denominator * rate.numerator
    let place = rate.denominator * own.numerator
    let places = max(1, (2 * count * frame + place) / (2 * place))
    return (0..<places).map { index in
      (0..<count).min { abs($0 * frame - index * place) < abs($1 * frame - index * place) } ?? 0
    }
  }

  private func shown(count: Int, own: Rational, rate: Rational) -> [Int] {
    var resampling = FrameResampling(from: own, to: rate)
    var result: [Int] = []
    while resampling.neededCount <= count || result.isEmpty {
      result.append(min(resampling.source, count - 1))
      resampling.advance()
    }
    return result
  }

  @Test(
    "places show the nearest frame, exactly",
    arguments: [
      Rational(30000, 1001), Rational(24000, 1001), Rational(25), Rational(60), Rational(10),
      Rational(1), Rational(3), Rational(1000, 7), Rational(59), Rational(1, 3),
    ])
  func nearestFrames(rate: Rational) {
    let owns = [
      Rational(25), Rational(30000, 1001), Rational(60), Rational(24), Rational(50), Rational(7, 2),
    ]
    for own in owns {
      for count in [1, 2, 3, 7, 60, 121] {
        let expected = nearest(count: count, own: own, rate: rate)
        let found = shown(count: count, own: own, rate: rate)
        #expect(found == expected, "\(count) frames of \(own.value) at \(rate.value)")
      }
    }
  }

  @Test("hours later a place is where it was")
  func longVideos() {
    // 29.97 to 25: after 1001 * 6 / 5 seconds the grids meet again.
    var resampling = FrameResampling(from: Rational(30000, 1001), to: Rational(25))
    for _ in 0..<25 * 1001 * 10 { resampling.advance() }
    #expect(resampling.source == 30000 * 10)
  }

  /// The pictures' numbers in a video of 25 frames a second, whose brightness tells them.
  private func numbers(
    _ content: VideoContent
  ) -> [Int] {
    content.pictures.indices.map {
      Int((Double(content.pixel(8, 8, of: $0)[0] - 16) / 2).rounded())
    }
  }

  private func makeVideo(_ name: String, in folder: TemporaryFolder) throws -> String {
    try TestVideo.make(
      name, in: folder, source: "color=black:s=16x16:r=25:d=4",
      ["-vf", "format=gray,geq=lum='2*N+16'", "-c:v", "ffv1", "-pix_fmt", "gray"])
  }

  @Test(
    "videos are read so",
    arguments: [
      Rational(50), Rational(30), Rational(30000, 1001), Rational(24), Rational(10),
      Rational(25, 2),
      Rational(5), Rational(1), Rational(1000), Rational(1, 600),
    ])
  func reading(rate: Rational) throws {
    let folder = try TemporaryFolder()
    let path = try makeVideo("a.mkv", in: folder)
    let content = try VideoContent(reading: path, keeping: true, frameRate: rate)
    let expected = nearest(count: 100, own: Rational(25), rate: rate)
    #expect(numbers(content) == expected)
    #expect(content.information.frameRate == rate)
    #expect(content.information.estimatedFrameCount == expected.count)
    let repeats = zip(expected, expected.dropFirst()).count { $0 == $1 }
    #expect(content.repeats == repeats)
  }

  /// ffmpeg's filter shows at a place the last frame whose time, rounded by `round`, is not after
  /// it. Frames that come half a frame early (but for a thousandth, so that the earlier of two wins)
  /// and are rounded up are those nearest to the place. The end is rounded in another way there.
  @Test(
    "ffmpeg's fps filter shows the same",
    arguments: [
      Rational(50), Rational(30), Rational(30000, 1001), Rational(24000, 1001), Rational(24),
      Rational(10), Rational(75, 2), Rational(15),
    ])
  func likeFilter(rate: Rational) throws {
    let folder = try TemporaryFolder()
    let path = try makeVideo("a.mkv", in: folder)
    let filter =
      "settb=1/25000000,setpts=N*1000000-499000,"
      + "fps=\(rate.numerator)/\(rate.denominator):round=up:start_time=0"
    let filtered = try TestProgram.run(
      "ffmpeg",
      ["-v", "error", "-i", path, "-vf", filter, "-f", "rawvideo", "-pix_fmt", "gray", "-"])
    let expected = stride(from: 0, to: filtered.count, by: 256).map {
      (Int(filtered[$0]) - 16) / 2
    }
    let content = try VideoContent(reading: path, keeping: true, frameRate: rate)
    let found = numbers(content)
    #expect(abs(found.count - expected.count) <= 2)
    let common = min(found.count, expected.count)
    #expect(common > 35)
    #expect(found.prefix(common).elementsEqual(expected.prefix(common)))
  }

  @Test("a video's own rate changes nothing, however it is written")
  func ownRate() throws {
    let folder = try TemporaryFolder()
    let path = try makeVideo("a.mkv", in: folder)
    let own = try VideoContent(reading: path, keeping: true)
    for rate in [Rational(25), Rational(50, 2)] {
      let content = try VideoContent(reading: path, keeping: true, frameRate: rate)
      #expect(content.pictures == own.pictures)
      #expect(content.information == own.information)
      #expect(content.repeats == 0)
    }
  }

  @Test("frames that are missing in the video are repeated, and sound stays where it is")
  func varyingRate() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.mkv")
    try TestProgram.ffmpeg([
      "-f", "lavfi", "-i", "color=black:s=16x16:r=25:d=4", "-itsoffset", "0.3", "-f", "lavfi", "-i",
      "sine=440:d=3", "-vf", "format=gray,geq=lum='2*N+16',select='not(between(n,30,34))'",
      "-fps_mode", "vfr", "-c:v", "ffv1", "-pix_fmt", "gray", "-c:a", "pcm_s16le", path,
    ])
    let own = try VideoContent(reading: path).information
    let content = try VideoContent(reading: path, keeping: true, frameRate: Rational(25, 2))
    let expected = stride(from: 0, to: 100, by: 2).map { (30...34).contains($0) ? 29 : $0 }
    #expect(numbers(content) == expected)
    #expect(content.repeats == 2)
    #expect(content.information.sound == own.sound)
    #expect(abs((content.information.sound?.startOffset.value ?? 0) - 0.3) < 0.01)
  }

  @Test(
    "rates that are none",
    arguments: [
      Rational(0), Rational(-25), Rational(1001), Rational(1, 601), Rational(2_000_000, 1_999_999),
    ])
  func refused(rate: Rational) throws {
    let folder = try TemporaryFolder()
    let path = try makeVideo("a.mkv", in: folder)
    #expect(throws: MediaError.frameRate(rate, path: path)) {
      try VideoReader(path: path, order: .rgb, frameRate: rate)
    }
  }
}
