import Foundation
import Imaging
import MediaIO
import TensorCore
import TestSupport
import Testing

@Suite("Videos as they are written")
struct VideoWriterTests {
  @Test(
    "frame rates are exact",
    arguments: [
      (30000, 1001), (24000, 1001), (60000, 1001), (25, 1), (30, 1), (60, 1), (1, 1), (25, 2),
      (2997, 100), (120, 1), (1, 3), (90000, 3003),
    ])
  func frameRate(rate: (Int, Int)) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("video.mp4")
    let frames = 13
    let written = try SyntheticPictures.write(
      to: path, frames: frames, rate: Rational(rate.0, rate.1))
    let file = try WrittenFile(path)
    var divisor = (rate.0, rate.1)
    while divisor.1 != 0 { divisor = (divisor.1, divisor.0 % divisor.1) }
    let text = "\(rate.0 / divisor.0)/\(rate.1 / divisor.0)"
    #expect(file.video["r_frame_rate"] as? String == text)
    #expect(file.video["avg_frame_rate"] as? String == text)
    #expect(file.frameCount == frames)
    #expect(written.frameCount == frames)
    #expect(written.duration.value == Double(frames * rate.1) / Double(rate.0))
    #expect(WrittenFile.number(file.video["start_time"]) == 0)
    #expect(abs(WrittenFile.number(file.video["duration"]) - written.duration.value) < 1e-5)
    #expect(abs(WrittenFile.number(file.container["duration"]) - written.duration.value) < 1e-5)
    #expect(written.warnings.isEmpty && written.sound == nil)
  }

  @Test("the pictures' format and colours are tagged, the index comes first")
  func tags() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("video.mp4")
    try SyntheticPictures.write(to: path, frames: 3)
    let file = try WrittenFile(path)
    let expected = [
      "codec_name": "h264", "pix_fmt": "yuv420p", "color_range": "tv", "color_space": "bt709",
      "color_transfer": "bt709", "color_primaries": "bt709", "chroma_location": "left",
      "sample_aspect_ratio": "1:1",
    ]
    for (name, value) in expected { #expect(file.video[name] as? String == value) }
    #expect(try file.boxes() == ["ftyp", "moov", "free", "mdat"])
    #expect(!file.tags.keys.contains("creation_time"))
  }

  @Test(
    "odd sizes get one more row or column, a copy of the last",
    arguments: [(1, 1), (2, 2), (3, 5), (17, 64), (64, 17), (101, 77)])
  func oddSizes(size: (Int, Int)) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("video.mp4")
    try SyntheticPictures.write(
      to: path, frames: 2, rows: size.0, columns: size.1, options: .init(quality: 1))
    let file = try WrittenFile(path)
    let rows = size.0 + size.0 % 2
    let columns = size.1 + size.1 % 2
    #expect(file.video["height"] as? Int == rows)
    #expect(file.video["width"] as? Int == columns)
    let luma = [UInt8](
      try TestProgram.run(
        "ffmpeg",
        ["-v", "error", "-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-"]))
    try #require(luma.count == rows * columns)
    for row in 0..<rows where size.1 % 2 == 1 {
      #expect(abs(Int(luma[(row + 1) * columns - 1]) - Int(luma[(row + 1) * columns - 2])) <= 3)
    }
    for column in 0..<columns where size.0 % 2 == 1 {
      let last = (rows - 1) * columns + column
      #expect(abs(Int(luma[last]) - Int(luma[last - columns])) <= 3)
    }
  }

  @Test("colours survive within two levels", arguments: [PixelOrder.rgb, .bgr])
  func colours(order: PixelOrder) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("video.mp4")
    let patch = 16
    let levels: [UInt8] = [0, 37, 128, 200, 255]
    let side = levels.count * patch
    let picture = try Tensor(uninitialized: Shape([side * levels.count, side, 3]), dtype: .u8)
    let pixels = picture.pointer.assumingMemoryBound(to: UInt8.self)
    for row in 0..<side * levels.count {
      for column in 0..<side {
        let pixel = pixels + (row * side + column) * 3
        pixel[0] = levels[row / side]
        pixel[1] = levels[row % side / patch]
        pixel[2] = levels[column / patch]
      }
    }
    let writer = try VideoWriter(
      path: path, rows: side * levels.count, columns: side, frameRate: Rational(25),
      options: .init(quality: 1))
    try writer.append(picture, order: order)
    _ = try writer.finish()
    let format = order == .rgb ? "rgb24" : "bgr24"
    let decoded = [UInt8](
      try TestProgram.run(
        "ffmpeg",
        [
          "-v", "error", "-i", path, "-sws_flags", "accurate_rnd+full_chroma_int+bicubic",
          "-f", "rawvideo", "-pix_fmt", format, "-",
        ]))
    try #require(decoded.count == picture.count)
    var worst = 0
    for row in stride(from: patch / 2, to: side * levels.count, by: patch) {
      for column in stride(from: patch / 2, to: side, by: patch) {
        for channel in 0..<3 {
          let index = (row * side + column) * 3 + channel
          worst = max(worst, abs(Int(decoded[index]) - Int(pixels[index])))
        }
      }
    }
    #expect(worst <= 2)
  }

  @Test(
    "the same pictures give the same bytes, alone and where others want the cores",
    arguments: [70, 64, 1])
  func sameBytes(frames: Int) async throws {
    let folder = try TemporaryFolder()
    let source = folder.file("sound.wav")
    try TestProgram.ffmpeg(["-f", "lavfi", "-i", "sine=440:sample_rate=44100:d=3", source])
    let options = VideoWriterOptions(
      metadata: ["comment": "{}", "title": "a"], sound: SoundSource(path: source))
    let write = { @Sendable (name: String) throws in
      try SyntheticPictures.write(to: folder.file(name), frames: frames, options: options)
      return try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
    }
    let alone = try write("alone.mp4")
    try await withThrowingTaskGroup(of: Data.self) { group in
      for run in 0..<4 { group.addTask { try write("crowd\(run).mp4") } }
      for try await other in group { #expect(other.elementsEqual(alone)) }
    }
  }

  @Test("tags are kept, long ones and those that MP4 has no name for")
  func metadata() throws {
    let folder = try TemporaryFolder()
    let long = "{\"prompt\": \"" + String(repeating: "ä\\\"\n=;#", count: 20_000) + "\"}"
    for tags in [["comment": long, "title": "A = B; #1"], ["comment": long, "seed": "42"]] {
      let path = folder.file("video.mp4")
      try SyntheticPictures.write(
        to: path, frames: 2, options: .init(metadata: tags, overwrites: true))
      let found = try WrittenFile(path).tags
      for (key, value) in tags { #expect(found[key] == value) }
      let read = try MediaTags.read(path)
      for (key, value) in tags { #expect(read[key] == value) }
    }
  }
}
