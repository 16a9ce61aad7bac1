import Checkpoints
import Foundation
import OutputFiles
import TensorCore
import TestSupport
import Testing

@Suite struct AtomicFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  @Test func abandonedFilesGoAndOthersStay() throws {
    let living = try SafetensorsWriter(
      path: folder.file("a.safetensors"),
      entries: [TensorEntry(name: "x", dtype: .f32, shape: [4])])
    let partial = try #require(try names().first)
    _ = try folder.write([1], to: ".a.safetensors.12345-678.partial")
    for name in ["a.partial", ".mine.partial", ".a.1-2.partial.txt"] {
      _ = try folder.write([1], to: name)
    }
    try AtomicFile.removeAbandoned(in: folder.path)
    #expect(
      try names() == [partial, ".a.1-2.partial.txt", ".mine.partial", "a.partial"].sorted())
    try living.write(Tensor([1, 2, 3, 4], shape: [4]), to: "x")
    try living.finish()
    #expect(try Checkpoint.open(folder.file("a.safetensors")).tensor("x").floats() == [1, 2, 3, 4])
    #expect(throws: OutputError.self) {
      try AtomicFile.removeAbandoned(in: folder.file("none"))
    }
  }

  /// A device or a pipe would be replaced by the renaming.
  @Test func onlyRegularFilesAreReplaced() throws {
    let pipe = folder.file("pipe")
    try #require(mkfifo(pipe, 0o600) == 0)
    for path in [pipe, folder.path] {
      #expect(throws: OutputError.self) { try AtomicFile.write(Data([1]), to: path) }
    }
    #expect(try names() == ["pipe"])
    let file = try folder.write([1, 2], to: "file")
    try AtomicFile.write(Data([3]), to: file)
    #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == Data([3]))
  }

  /// Large files go past the system's cache in whole blocks; what lies around the blocks must fit.
  @Test func piecesOfEverySizeAndPlace() throws {
    let sizes = [3_000_001, 4096, 17, 5_242_880, 12_582_913, 1_048_576, 999_999, 52_000_000]
    let entries = sizes.enumerated().map {
      TensorEntry(name: "t\($0)", dtype: .u8, shape: [$1])
    }
    let path = folder.file("large.safetensors")
    let writer = try SafetensorsWriter(path: path, entries: entries)
    func byte(_ tensor: Int, _ place: Int) -> UInt8 {
      UInt8(truncatingIfNeeded: (place &* 0x9E37_79B9) >> 7 &+ tensor)
    }
    var piece = 1_000_003
    for (index, size) in sizes.enumerated() {
      var start = 0
      while start < size {
        let end = min(start + piece, size)
        let bytes = (start..<end).map { byte(index, $0) }
        try bytes.withUnsafeBytes { try writer.append($0, to: "t\(index)") }
        start = end
        piece = piece % 9_000_000 + 1_234_567
      }
    }
    try writer.finish()
    let file = try Checkpoint.open(path)
    for (index, size) in sizes.enumerated() {
      let bytes = try file.tensor("t\(index)").bytes()
      let expected = (0..<size).lazy.map { byte(index, $0) }
      #expect(bytes.elementsEqual(expected), "tensor \(index)")
    }
  }
}
