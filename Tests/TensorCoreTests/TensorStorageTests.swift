import Foundation
import TensorCore
import Testing

@Suite struct TensorStorageTests {
  @Test(arguments: [0, 1, 63, 64, 65, 4096, (2 << 20) - 1, 2 << 20, 5 << 20])
  func ownedMemoryIsAligned(bytes: Int) throws {
    let storage = try TensorStorage.allocate(byteCount: bytes)
    #expect(storage.byteCount == bytes)
    #expect(storage.isWritable)
    let alignment = bytes >= 2 << 20 ? 2 << 20 : 64
    #expect(UInt(bitPattern: storage.base) % UInt(alignment) == 0)
    let memory = UnsafeMutableRawBufferPointer(start: storage.base, count: bytes)
    memory.initializeMemory(as: UInt8.self, repeating: 0xa5)
    #expect(memory.allSatisfy { $0 == 0xa5 })
    withExtendedLifetime(storage) {}
  }

  @Test(arguments: [Int.max, Int.max - 63, Int.max / 2, Int.max / 2 + 1, 1 << 60])
  func impossibleSizesAreErrors(bytes: Int) {
    #expect(throws: TensorError.outOfMemory(bytes: bytes)) {
      try TensorStorage.allocate(byteCount: bytes)
    }
  }

  @Test func impossibleTensorsAreErrors() throws {
    let shape = try Shape(validating: [1 << 61])
    #expect(throws: TensorError.invalidShape([1 << 61])) {
      try Tensor(uninitialized: shape, dtype: .f64)
    }
    #expect(throws: TensorError.outOfMemory(bytes: 1 << 61)) {
      try Tensor(uninitialized: shape, dtype: .u8)
    }
  }

  // MARK: Mapped files

  /// A path in a folder of its own, removed afterwards.
  private func withTemporaryPath(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("flashportrait-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer {
      do { try FileManager.default.removeItem(at: folder) } catch { Issue.record(error) }
    }
    try body(folder.appendingPathComponent("file").path)
  }

  private func reason(of path: String) -> String? {
    do {
      _ = try MappedFile(path: path)
      return nil
    } catch TensorError.mapFailed(let failed, let reason) {
      return failed == path ? reason : "another path: \(failed)"
    } catch { return "another error: \(error)" }
  }

  @Test func fileIsMappedWhole() throws {
    try withTemporaryPath { path in
      let bytes = Data((0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
      try bytes.write(to: URL(fileURLWithPath: path))
      let file = try MappedFile(path: path)
      #expect(file.byteCount == 10_000)
      #expect(Data(bytes: file.base, count: file.byteCount) == bytes)
      file.willNeed(0..<10_000)
      file.dontNeed(4_097..<9_000)
      file.willNeed(5_000..<5_000)
      #expect(Data(bytes: file.base, count: file.byteCount) == bytes)
    }
  }

  @Test func mappingOutlivesTheFile() throws {
    try withTemporaryPath { path in
      try Data([1, 0, 0, 0, 2, 0, 0, 0]).write(to: URL(fileURLWithPath: path))
      let storage = TensorStorage.mapped(try MappedFile(path: path))
      try FileManager.default.removeItem(atPath: path)
      #expect(!storage.isWritable)
      let tensor = Tensor(storage: storage, dtype: .i32, shape: [2])
      #expect(try tensor.floats() == [1, 2])
    }
  }

  @Test func emptyFileIsMapped() throws {
    try withTemporaryPath { path in
      try Data().write(to: URL(fileURLWithPath: path))
      let file = try MappedFile(path: path)
      #expect(file.byteCount == 0)
      file.willNeed(0..<0)
      let storage = TensorStorage.mapped(file)
      #expect(try Tensor(storage: storage, dtype: .f32, shape: [0]).floats() == [])
    }
  }

  @Test func sparseFileNeedsNoMemory() throws {
    try withTemporaryPath { path in
      let bytes = 1 << 36
      #expect(FileManager.default.createFile(atPath: path, contents: nil))
      let handle = try #require(FileHandle(forWritingAtPath: path))
      try handle.truncate(atOffset: UInt64(bytes))
      try handle.close()
      let file = try MappedFile(path: path)
      #expect(file.byteCount == bytes)
      #expect(file.base.load(fromByteOffset: bytes - 1, as: UInt8.self) == 0)
    }
  }

  @Test func missingFile() throws {
    try withTemporaryPath { path in #expect(reason(of: path) == "No such file or directory") }
  }

  @Test func folder() throws {
    #expect(reason(of: FileManager.default.temporaryDirectory.path) == "not a regular file")
  }

  @Test func fileInsideAFile() throws {
    try withTemporaryPath { path in
      try Data([1]).write(to: URL(fileURLWithPath: path))
      #expect(reason(of: path + "/deeper") == "Not a directory")
    }
  }

  @Test(.timeLimit(.minutes(1))) func namedPipeDoesNotBlock() throws {
    try withTemporaryPath { path in
      #expect(mkfifo(path, 0o600) == 0)
      #expect(reason(of: path) == "not a regular file")
    }
  }

  @Test func device() { #expect(reason(of: "/dev/zero") == "not a regular file") }

  @Test(.enabled(if: geteuid() != 0, "root may read everything")) func unreadableFile() throws {
    try withTemporaryPath { path in
      try Data([1]).write(to: URL(fileURLWithPath: path))
      #expect(chmod(path, 0) == 0)
      #expect(reason(of: path) == "Permission denied")
    }
  }

  @Test func zeroByteInPath() throws {
    try withTemporaryPath { path in
      try Data([1]).write(to: URL(fileURLWithPath: path))
      #expect(reason(of: path + "\0.bin") == "the path contains a zero byte")
    }
  }
}
