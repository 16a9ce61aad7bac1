import Foundation
import MediaIO
import TensorCore
import TestSupport
import Testing

/// What files of Pillow (golden kind `still`) do not show.
@Suite struct StillImageTests {
  private func noise(_ rows: Int, _ columns: Int) throws -> Tensor {
    var generator = SeededGenerator(seed: 5)
    let picture = try Tensor(uninitialized: [rows, columns, 3], dtype: .u8)
    for place in 0..<picture.count {
      picture.pointer.storeBytes(
        of: UInt8.random(in: 0...255, using: &generator), toByteOffset: place, as: UInt8.self)
    }
    return picture
  }

  @Test func writtenPicturesAreReadBack() throws {
    let folder = try TemporaryFolder()
    for (rows, columns) in [(1, 1), (3, 200), (157, 2), (64, 64)] {
      let picture = try noise(rows, columns)
      let paths = ["a.png", "b.png"].map(folder.file)
      for path in paths { try StillImage.writePNG(picture, path) }
      let read = try StillImage.read(paths[0])
      #expect(read.shape == picture.shape)
      #expect(try read.bytes().elementsEqual(picture.bytes()))
      #expect(
        try Data(contentsOf: URL(filePath: paths[0])) == Data(contentsOf: URL(filePath: paths[1])))
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
        "a.png", "b.png",
      ])
  }

  @Test func whatIsNoPictureIsRefused() throws {
    let folder = try TemporaryFolder()
    #expect(throws: MediaError.missing(path: folder.file("none.png"))) {
      try StillImage.read(folder.file("none.png"))
    }
    let texts: [String: [UInt8]] = [
      "empty.png": [], "text.jpg": Array("no picture at all\n".utf8), "short.png": [0x89, 0x50],
      "start.jpg": [0xff, 0xd8, 0xff], "riff.webp": Array("RIFF    WEBP".utf8),
      "bm.bmp": Array("BM".utf8), "ii.tif": Array("II*\0".utf8),
    ]
    for (name, bytes) in texts {
      let path = try folder.write(bytes, to: name)
      let error = #expect(throws: MediaError.self) { try StillImage.read(path) }
      let line = error?.description ?? ""
      #expect(line.hasPrefix(path) && !line.contains("\n"), "\(line)")
    }
    #expect(throws: MediaError.self) { try StillImage.read(folder.path) }
    #expect(throws: (any Error).self) {
      try StillImage.writePNG(try noise(2, 2), folder.path + "/no/such/folder.png")
    }
    #expect(throws: MediaError.self) {
      try StillImage.writePNG(try Tensor(zeros: [2, 2], dtype: .u8), folder.file("x.png"))
    }
  }

  /// A few bytes that ask for a picture of 10^10 pixels.
  @Test func sizesAreLimitedBeforeMemoryIsTaken() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("huge.png")
    try StillImage.writePNG(noise(1, 1), path)
    var bytes = Array(try Data(contentsOf: URL(filePath: path)))
    let side: [UInt8] = [0, 1, 0x86, 0xa0]
    bytes.replaceSubrange(16..<24, with: side + side)
    let sum = Self.checksum(bytes[12..<29])
    bytes.replaceSubrange(
      29..<33, with: (0..<4).map { UInt8(truncatingIfNeeded: sum >> (24 - 8 * $0)) })
    let huge = try folder.write(bytes, to: "huge.png")
    #expect(
      throws: MediaError.tooLarge(
        path: huge, width: 100_000, height: 100_000, limit: PictureLimit.pixels)
    ) { try StillImage.read(huge) }
  }

  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 1 ? 0xedb8_8320 : 0) }
    }
  }

  /// Damaged files are read or give one line; nothing traps or hangs. `FLASHPORTRAIT_DAMAGED` names
  /// another count than 10 for each of the files.
  @Test func damagedFilesGiveOneLine() throws {
    let count = Damage.count(usual: 10)
    let golden = try Golden(
      path: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Goldens/still_0.safetensors").path)
    let folder = try TemporaryFolder()
    var refused = 0
    var total = 0
    for name in golden.names(prefix: "input.file_") {
      let whole = try golden.tensor(name).bytes()
      for seed in 0..<count {
        let path = try folder.write(Damage.damaged(whole, seed: UInt64(seed)), to: "damaged")
        total += 1
        do {
          let picture = try StillImage.read(path)
          #expect(picture.shape.rank == 3 && picture.count > 0)
        } catch let error as MediaError {
          refused += 1
          let line = error.description
          #expect(line.hasPrefix(path) && !line.contains("\n") && line.count < 600, "\(line)")
        }
      }
    }
    print("stills: \(total) damaged files, \(refused) refused")
    #expect(total >= 700 && refused > total / 4)
  }
}
