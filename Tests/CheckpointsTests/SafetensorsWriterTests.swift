import Checkpoints
import Foundation
import OutputFiles
import TensorCore
import TestSupport
import Testing

@Suite struct SafetensorsWriterTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.safetensors")
  }

  private let entries = [
    TensorEntry(name: "b", dtype: .u8, shape: [3]),
    TensorEntry(name: "z", dtype: .f32, shape: [2]),
    TensorEntry(name: "a", dtype: .f32, shape: [1, 0]),
    TensorEntry(name: "y", dtype: .bf16, shape: [1]),
  ]

  private func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path)
  }

  private func write(_ entries: [TensorEntry], metadata: [String: String]) throws -> [UInt8] {
    let writer = try SafetensorsWriter(path: path, entries: entries, metadata: metadata)
    for entry in entries {
      let bytes = (0..<entry.byteCount).map { UInt8($0 + entry.name.utf8.count) }
      try bytes.withUnsafeBytes { try writer.append($0, to: entry.name) }
    }
    try writer.finish()
    return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  @Test func bytesDependOnContentAlone() throws {
    let metadata = ["k": "v", "\u{1}\"\\": "ü"]
    let first = try write(entries, metadata: metadata)
    #expect(try write(entries.reversed(), metadata: metadata) == first)
    #expect(try SafetensorsFile(path: path).metadata == metadata)
    #expect(try names() == ["a.safetensors"])
  }

  @Test func dataAreAligned() throws {
    _ = try write(entries, metadata: [:])
    let file = try SafetensorsFile(path: path)
    #expect(file.entries.map(\.name) == ["a", "z", "y", "b"])
    let address = UInt(bitPattern: try file.tensor("z").pointer)
    #expect(address % 64 == 0)
    // A view of the mapping, not a copy.
    #expect(UInt(bitPattern: try file.tensor("z").pointer) == address)
  }

  @Test func stridedTensorsAreWrittenInRowMajorOrder() throws {
    let tensor = try Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3]).permuted([1, 0])
    try SafetensorsWriter.write([("t", tensor)], to: path)
    #expect(try SafetensorsFile(path: path).tensor("t").floats() == [1, 4, 2, 5, 3, 6])
  }

  @Test func nothingAppearsUnlessComplete() throws {
    do {
      let writer = try SafetensorsWriter(path: path, entries: entries)
      try writer.write(Tensor([1, 2], shape: [2]), to: "z")
      #expect(try names().count == 1)
      #expect(throws: CheckpointError.self) { try writer.finish() }
      #expect(!FileManager.default.fileExists(atPath: path))
    }
    #expect(try names().isEmpty)
  }

  @Test func anOldFileStaysUntilTheNewOneIsComplete() throws {
    let old = try write(entries, metadata: [:])
    do { _ = try SafetensorsWriter(path: path, entries: []) }
    #expect(Array(try Data(contentsOf: URL(fileURLWithPath: path))) == old)
    try SafetensorsWriter.write([], to: path)
    #expect(try SafetensorsFile(path: path).entries.isEmpty)
  }

  @Test func undeclaredTensorsAreRefused() throws {
    let writer = try SafetensorsWriter(path: path, entries: entries)
    #expect(throws: CheckpointError.noSuchTensor(path: path, tensor: "x")) {
      try writer.write(Tensor([1], shape: [1]), to: "x")
    }
    #expect(throws: CheckpointError.self) {
      try writer.write(Tensor([1], shape: [1]), to: "z")
    }
    let tooMany = [UInt8](repeating: 0, count: 9)
    #expect(throws: CheckpointError.self) {
      try tooMany.withUnsafeBytes { try writer.append($0, to: "z") }
    }
    #expect(throws: CheckpointError.duplicateTensor(path: path, tensor: "b")) {
      _ = try SafetensorsWriter(path: path, entries: [entries[0], entries[0]])
    }
  }

  @Test func aFullDiskIsSeenBefore() throws {
    let huge = TensorEntry(name: "huge", dtype: .u8, shape: [1 << 60])
    do {
      _ = try SafetensorsWriter(path: path, entries: [huge])
      Issue.record("created")
    } catch OutputError.diskFull(let path, let needed?, let available?) {
      #expect(path == self.path && needed >= 1 << 60 && available < needed)
    }
    #expect(try names().isEmpty)
  }

  @Test func aMissingFolderIsNamed() throws {
    let path = folder.file("none/a.safetensors")
    #expect(throws: OutputError.unwritable(path: path, reason: "No such file or directory")) {
      _ = try SafetensorsWriter(path: path, entries: [])
    }
  }
}
