import Foundation
import Imaging
import MediaIO
import OutputFiles
import TensorCore
import TestSupport
import Testing

@Suite("Videos that cannot be written")
struct WriterFailureTests {
  private func contents(_ folder: TemporaryFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path)
  }

  @Test("a video that is cancelled, dropped or fails leaves nothing behind")
  func leavesNothing() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("video.mp4")
    let picture = try SyntheticPictures.picture(0, rows: 16, columns: 16)
    do {
      let cancelled = try VideoWriter(path: path, rows: 16, columns: 16, frameRate: Rational(25))
      try cancelled.append(picture, order: .rgb)
      #expect(try contents(folder).count == 1)
      #expect(!FileManager.default.fileExists(atPath: path))
      cancelled.cancel()
      #expect(try contents(folder).isEmpty)
      #expect(throws: MediaError.cancelled(path: path)) { try cancelled.finish() }
    }
    do {
      let dropped = try VideoWriter(path: path, rows: 16, columns: 16, frameRate: Rational(25))
      try dropped.append(picture, order: .rgb)
    }
    #expect(try contents(folder).isEmpty)
    let wrong = try VideoWriter(path: path, rows: 16, columns: 18, frameRate: Rational(25))
    #expect(throws: TensorError.self) { try wrong.append(picture, order: .rgb) }
    #expect(throws: TensorError.self) { try wrong.finish() }
    let empty = try VideoWriter(path: path, rows: 16, columns: 16, frameRate: Rational(25))
    #expect(throws: MediaError.self) { try empty.finish() }
    #expect(try contents(folder).isEmpty)
  }

  @Test("a file of that name stays, unless it may be replaced")
  func existing() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([1, 2, 3], to: "video.mp4")
    #expect(throws: OutputError.self) { try SyntheticPictures.write(to: path, frames: 1) }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data([1, 2, 3]))
    try SyntheticPictures.write(to: path, frames: 1, options: .init(overwrites: true))
    #expect(try WrittenFile(path).frameCount == 1)
    #expect(try contents(folder) == ["video.mp4"])
  }

  @Test(
    "places where no file can be", arguments: ["/dev/full", "/dev/null", "/", "/none/video.mp4"])
  func places(path: String) throws {
    let error = #expect(throws: OutputError.self) {
      try SyntheticPictures.write(to: path, frames: 1, options: .init(overwrites: true))
    }
    #expect(error?.description.hasPrefix(path + ": cannot be written") ?? false)
  }

  @Test(
    "sizes and rates that H.264 lacks",
    arguments: [(0, 16, 25, 1), (16, 20000, 25, 1), (16, 16, 0, 1), (16, 16, -25, 1)])
  func limits(rows: Int, columns: Int, numerator: Int, denominator: Int) throws {
    let folder = try TemporaryFolder()
    #expect(throws: MediaError.self) {
      try VideoWriter(
        path: folder.file("video.mp4"), rows: rows, columns: columns,
        frameRate: Rational(numerator, denominator))
    }
    #expect(try contents(folder).isEmpty)
  }

  /// The limit of a file's size stands for a full disk: both show as a write that fails midway.
  @Test("a disk without room is one error, and nothing is left")
  func noRoom() async throws {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 60_000, rlim_max: 60_000)
      try #require(setrlimit(__rlimit_resource_t(1), &limit) == 0)  // RLIMIT_FSIZE
      let error = #expect(throws: OutputError.self) {
        try SyntheticPictures.write(
          to: folder.file("video.mp4"), frames: 200, rows: 128, columns: 128,
          options: .init(quality: 1))
      }
      #expect(error?.description.contains("File too large") ?? false)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }
}
