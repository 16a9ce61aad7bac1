import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct PyTorchWriterTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.pt")
  }

  private let entries = [
    TensorEntry(name: "b", dtype: .u8, shape: [3]),
    TensorEntry(name: "größe", dtype: .f32, shape: [2, 300, 1, 2, 5]),
    TensorEntry(name: "empty", dtype: .i64, shape: [1, 0]),
    TensorEntry(name: "f8", dtype: .f8e4m3, shape: []),
  ]

  private func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path)
  }

  @Test func whatPyTorchWroteIsWrittenTheSame() throws {
    for name in ["plain.pt", "views.pt"] {
      let source = try PyTorchFile(path: "\(PyTorchFixtureTests.folder)/\(name)")
      let path = folder.file(name)
      let writer = try PyTorchWriter(path: path, entries: source.entries)
      for entry in source.entries.reversed() {
        try writer.write(source.tensor(entry.name), to: entry.name)
      }
      try writer.finish()
      let copy = try PyTorchFile(path: path)
      #expect(copy.entries == source.entries)
      for entry in source.entries {
        let tensor = try copy.tensor(entry.name)
        #expect(try tensor.bytes() == source.tensor(entry.name).bytes())
        #expect(UInt(bitPattern: tensor.pointer) % 64 == 0)
        #expect(!tensor.storage.isWritable)
      }
      if let target = ProcessInfo.processInfo.environment["FLASHPORTRAIT_KEEP_WRITTEN_PT"] {
        // For scripts/reference/check_pytorch_output.py.
        try Data(contentsOf: URL(fileURLWithPath: path)).write(
          to: URL(fileURLWithPath: "\(target)/\(name)"))
      }
    }
  }

  @Test func tensorsCanBeWrittenInPieces() throws {
    let writer = try PyTorchWriter(path: path, entries: entries)
    for entry in entries {
      let bytes = (0..<entry.byteCount).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      let half = bytes.count / 2
      try bytes.withUnsafeBytes { bytes in
        try writer.append(UnsafeRawBufferPointer(rebasing: bytes[..<half]), to: entry.name)
        try writer.append(UnsafeRawBufferPointer(rebasing: bytes[half...]), to: entry.name)
      }
    }
    try writer.finish()
    let file = try Checkpoint.open(path)
    #expect(file.entries == entries)
    #expect(try file.tensor("größe").bytes().prefix(3) == [0, 7, 14])
    #expect(try names() == ["a.pt"])
  }

  @Test func nothingAppearsUnlessComplete() throws {
    do {
      let writer = try PyTorchWriter(path: path, entries: entries)
      #expect(throws: CheckpointError.self) { try writer.finish() }
    }
    #expect(try names().isEmpty)
    #expect(throws: CheckpointError.duplicateTensor(path: path, tensor: "b")) {
      _ = try PyTorchWriter(path: path, entries: [entries[0], entries[0]])
    }
    #expect(try names().isEmpty)
  }

  @Test func archivesBeyondFourGigabytesAreWide() throws {
    let large = [
      TensorEntry(name: "small", dtype: .f32, shape: [4]),
      TensorEntry(name: "large", dtype: .bf16, shape: [9, 1 << 28]),
      TensorEntry(name: "behind", dtype: .i32, shape: [1]),
    ]
    try PyTorchArchive.writeSparse(large, to: path, data: ["behind": [1, 2, 3, 4]])
    let file = try PyTorchFile(path: path)
    #expect(file.entries == large)
    #expect(try file.tensor("behind").bytes() == [1, 2, 3, 4])
    let tensor = try file.tensor("large")
    let last = withExtendedLifetime(tensor) {
      (tensor.pointer + tensor.byteCount - 2).load(as: UInt16.self)
    }
    #expect(last == 0)
  }

  // In a process of its own, whose memory is that of this test alone.
  @Test func openingALargeFileTouchesLittleOfIt() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let path = folder.file("large.pt")
      let entries = (0..<1500).map {
        TensorEntry(name: "blocks.\($0).weight", dtype: .bf16, shape: [5120, 2200])
      }
      try PyTorchArchive.writeSparse(entries, to: path)
      try ProcessUsage.resetPeak()
      let before = try ProcessUsage.residentBytes()
      let start = ProcessUsage.threadSeconds()
      let file = try Checkpoint.open(path)
      #expect(ProcessUsage.threadSeconds() - start < 1)
      #expect(file.entries.map(\.byteCount).reduce(0, +) > 33_000_000_000)
      for entry in file.entries { _ = try file.tensor(entry.name) }
      let growth = try ProcessUsage.peakResidentBytes() - before
      #expect(growth < 200 << 20)
    }
  }

  @Test func checksumIsThatOfZip() {
    let bytes = Array("123456789".utf8)
    #expect(bytes.withUnsafeBytes(CRC32.of) == 0xCBF4_3926)
    let long = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* $0) }
    var pieces = CRC32()
    for start in stride(from: 0, to: 1000, by: 10) {
      Array(long[start..<(start + 10)]).withUnsafeBytes { pieces.update($0) }
    }
    #expect(pieces.value == long.withUnsafeBytes(CRC32.of))
  }
}
