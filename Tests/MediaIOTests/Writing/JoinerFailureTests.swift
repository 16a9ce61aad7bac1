import Foundation
import MediaIO
import OutputFiles
import TestSupport
import Testing

@Suite("Pieces that cannot be joined")
struct JoinerFailureTests {
  /// Joins, and expects one error that names a piece and says something, and no file.
  private func expectFailure(
    _ pieces: VideoPieces, _ paths: [String], at place: Int, saying words: String
  ) throws {
    let error = #expect(throws: MediaError.self) {
      try VideoJoiner.join(paths, to: pieces.output)
    }
    let text = error?.description ?? ""
    #expect(text.hasPrefix(paths[place]), "\(text)")
    #expect(text.contains(words), "\(text)")
    let names = try FileManager.default.contentsOfDirectory(atPath: pieces.folder.path)
    #expect(!names.contains { $0.contains("video.mp4") })
  }

  @Test("a piece that is missing, empty or no video")
  func missing() throws {
    let pieces = try VideoPieces([3, 3])
    for place in 0..<2 {
      var paths = pieces.paths
      paths[place] = pieces.folder.file("none.mp4")
      try expectFailure(pieces, paths, at: place, saying: "no such file")
      paths[place] = try pieces.folder.write([], to: "empty.mp4")
      try expectFailure(pieces, paths, at: place, saying: "holds nothing")
      paths[place] = try pieces.folder.write([UInt8](repeating: 7, count: 4000), to: "noise.mp4")
      try expectFailure(pieces, paths, at: place, saying: "is not a video")
    }
    #expect(throws: MediaError.self) { try VideoJoiner.join([], to: pieces.output) }
  }

  @Test("a piece of another size, rate, preset or codec")
  func differs() throws {
    let pieces = try VideoPieces([3])
    let fast = VideoWriterOptions(preset: .ultrafast)
    let others = [
      (try VideoPieces([3], rows: 32), "has 96x32 pixels, but the pieces before it have 96x64"),
      (try VideoPieces([3], rate: Rational(25)), "has 25/1 frames a second"),
      (try VideoPieces([3], options: fast), "other settings of H.264"),
    ]
    for (other, words) in others {
      try expectFailure(pieces, pieces.paths + other.paths, at: 1, saying: words)
    }
    let path = pieces.folder.file("other.mp4")
    try TestProgram.ffmpeg(WriterSoundTests.pictures + ["-c:v", "mpeg4", path])
    try expectFailure(pieces, pieces.paths + [path], at: 1, saying: "it holds mpeg4")
    try TestProgram.ffmpeg(
      WriterSoundTests.pictures + WriterSoundTests.tone + ["-c:v", "libx264", path])
    try expectFailure(pieces, pieces.paths + [path], at: 1, saying: "it holds h264 and aac")
  }

  @Test("a piece that was cut off, wherever")
  func cutOff() throws {
    let pieces = try VideoPieces([10, 10])
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: pieces.paths[1])))
    for share in stride(from: 0.05, through: 0.999, by: 0.05) {
      let count = Int(Double(whole.count) * share)
      let path = try pieces.folder.write(Array(whole[..<count]), to: "cut.mp4")
      try expectFailure(pieces, [pieces.paths[0], path], at: 1, saying: "copy or export it again")
    }
    let path = try pieces.folder.write(whole.dropLast(1), to: "cut.mp4")
    try expectFailure(pieces, [pieces.paths[0], path], at: 1, saying: "picture 9")
  }

  @Test("bytes that are wrong never crash, and never give a video of another length")
  func wrongBytes() throws {
    let pieces = try VideoPieces([10, 10])
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: pieces.paths[1])))
    var refused = [0, 0]
    for seed in 0..<Damage.count(usual: 200) {
      let path = try pieces.folder.write(
        Damage.damaged(whole, seed: UInt64(seed)), to: "wrong.mp4")
      let paths = seed % 2 == 0 ? [pieces.paths[0], path] : [path, pieces.paths[0]]
      do {
        let written = try VideoJoiner.join(
          paths, to: pieces.output, options: .init(overwrites: true))
        if seed % 2 == 0 { #expect(written.frameCount == 20) }
      } catch let error as MediaError {
        refused[seed % 2] += 1
        // Where the first one is damaged, the second differs from it.
        let isNamed = error.description.hasPrefix(path) || seed % 2 == 1
        #expect(isNamed, "\(error)")
      }
    }
    #expect(refused.allSatisfy { $0 > 10 }, "\(refused)")
  }

  @Test("frames that are left out, shown late, or no key frame at the start")
  func unlikeAPiece() throws {
    let pieces = try VideoPieces([3])
    let path = pieces.folder.file("other.mp4")
    let size = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=30000/1001:d=1", "-c:v", "libx264"]
    try TestProgram.ffmpeg(size + ["-vf", "select='not(eq(n,4))'", "-fps_mode", "vfr", path])
    try expectFailure(pieces, [path], at: 0, saying: "pictures are missing")
    // The edit list leaves out the pictures before half a second, to which those behind refer.
    let whole = pieces.folder.file("whole.mp4")
    try TestProgram.ffmpeg(size + ["-bf", "0", whole])
    try TestProgram.ffmpeg(["-ss", "0.5", "-i", whole, "-c", "copy", path])
    #expect(throws: MediaError.self) { try VideoJoiner.join([path], to: pieces.output) }
  }

  @Test("a report that throws stops the work, and nothing is left")
  func stopped() throws {
    struct Stop: Error {}
    let pieces = try VideoPieces([3, 3])
    #expect(throws: Stop.self) {
      try VideoJoiner.join(pieces.paths, to: pieces.output) { if $0 == 3 { throw Stop() } }
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: pieces.folder.path)
    #expect(names.sorted() == ["piece-0.mp4", "piece-1.mp4"])
  }

  @Test("a file of that name stays, unless it may be replaced")
  func existing() throws {
    let pieces = try VideoPieces([3])
    let path = try pieces.folder.write([1, 2, 3], to: "video.mp4")
    #expect(throws: OutputError.self) { try VideoJoiner.join(pieces.paths, to: path) }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data([1, 2, 3]))
    try VideoJoiner.join(pieces.paths, to: path, options: .init(overwrites: true))
    #expect(try WrittenFile(path).frameCount == 3)
  }

  @Test(
    "places where no file can be",
    arguments: ["/dev/full", "/dev/null", "/", "/none/video.mp4", "/proc/video.mp4"])
  func places(path: String) throws {
    let pieces = try VideoPieces([3])
    let error = #expect(throws: OutputError.self) {
      try VideoJoiner.join(pieces.paths, to: path, options: .init(overwrites: true))
    }
    #expect(error?.description.hasPrefix(path + ": cannot be written") ?? false)
  }

  /// The limit of a file's size stands for a full disk: both show as a write that fails midway.
  @Test("a disk without room is one error, and nothing is left")
  func noRoom() async throws {
    await #expect(processExitsWith: .success) {
      let pieces = try VideoPieces([30, 30, 30], options: .init(quality: 1))
      signal(SIGXFSZ, SIG_IGN)
      let sizes = try pieces.paths.map { try Data(contentsOf: URL(fileURLWithPath: $0)).count }
      let room = rlim_t((sizes.max() ?? 0) + 2000)
      try #require(Int(room) < sizes.reduce(0, +))
      var limit = rlimit(rlim_cur: room, rlim_max: room)
      try #require(setrlimit(__rlimit_resource_t(1), &limit) == 0)  // RLIMIT_FSIZE
      let error = #expect(throws: OutputError.self) {
        try VideoJoiner.join(pieces.paths, to: pieces.output)
      }
      #expect(error?.description.contains("File too large") ?? false)
      let names = try FileManager.default.contentsOfDirectory(atPath: pieces.folder.path)
      #expect(names.sorted() == ["piece-0.mp4", "piece-1.mp4", "piece-2.mp4"])
    }
  }
}
