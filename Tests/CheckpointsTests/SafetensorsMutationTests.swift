import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// Damaged files either read as something whole or end in a typed error, soon and in little memory.
@Suite(.serialized) struct SafetensorsMutationTests {
  /// Opens a file and touches all of it.
  private static func read(_ path: String) throws {
    let file = try Checkpoint.open(path)
    for entry in file.entries {
      let tensor = try file.tensor(entry.name)
      #expect(tensor.shape == entry.shape && tensor.dtype == entry.dtype)
      #expect(try tensor.bytes().count == entry.byteCount)
    }
    guard file is SafetensorsFile else { return }
    // What was read is the whole file: header and tensors without gaps.
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let header = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    #expect(file.entries.map(\.byteCount).reduce(8 + header, +) == bytes.count)
  }

  /// Reads `count` files; a trap ends the process, everything else ends here.
  private static func readAll(
    _ count: Int, named name: String, in folder: TemporaryFolder, make: () -> [UInt8]
  ) throws -> (sound: Int, refused: Int) {
    var result = (sound: 0, refused: 0)
    var slowest = 0.0
    try ProcessUsage.resetPeak()
    let before = try ProcessUsage.residentBytes()
    for number in 0..<count {
      let path = try folder.write(make(), to: name)
      let start = ProcessUsage.threadSeconds()
      do {
        try read(path)
        result.sound += 1
      } catch is CheckpointError {
        result.refused += 1
      } catch {
        Issue.record("file \(number): \(error)")
      }
      slowest = max(slowest, ProcessUsage.threadSeconds() - start)
    }
    #expect(slowest < 1, "the slowest took \(slowest) s")
    let growth = try ProcessUsage.peakResidentBytes() - before
    #expect(growth < 100 << 20, "memory grew by \(growth) bytes")
    print("\(result), slowest \(slowest) s, memory +\(growth >> 20) MiB")
    return result
  }

  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures").path

  private static let shards = [
    "sharded-00001-of-00002.safetensors", "sharded-00002-of-00002.safetensors",
  ]

  private static func mutations(seed: UInt64) throws -> SafetensorsMutations {
    func bytes(_ name: String) throws -> [UInt8] {
      Array(try Data(contentsOf: URL(fileURLWithPath: "\(fixtures)/\(name)")))
    }
    return SafetensorsMutations(
      sound: try (shards + ["all_types.safetensors"]).map(bytes),
      index: try bytes("sharded.safetensors.index.json"), seed: seed)
  }

  // In a process of its own, so that a trap is seen as one and memory is that of this test alone.
  @Test func damagedFiles() async {
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      var mutations = try Self.mutations(seed: 1)
      let folder = try TemporaryFolder()
      let result = try Self.readAll(12_000, named: "a.safetensors", in: folder) {
        mutations.nextFile()
      }
      // Both ends are reached, or the mutations are not what they should be.
      #expect(result.sound > 200 && result.refused > 6000, "\(result)")
    }
    print(String(decoding: result?.standardOutputContent ?? [], as: UTF8.self))
  }

  @Test func damagedIndexes() async {
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      var mutations = try Self.mutations(seed: 2)
      let folder = try TemporaryFolder()
      for shard in Self.shards {
        try FileManager.default.copyItem(
          atPath: "\(Self.fixtures)/\(shard)", toPath: folder.file(shard))
      }
      let result = try Self.readAll(4000, named: "m.safetensors.index.json", in: folder) {
        mutations.nextIndex()
      }
      #expect(result.sound > 100 && result.refused > 2000, "\(result)")
    }
    print(String(decoding: result?.standardOutputContent ?? [], as: UTF8.self))
  }

  // MARK: The longest headers

  /// A header of about the permitted 100 MB, made of one piece again and again.
  struct HugeHeader: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let start: String
    let piece: String
    let end: String

    func bytes(_ length: Int) -> [UInt8] {
      var text = Array(start.utf8)
      let piece = Array(piece.utf8)
      text.reserveCapacity(length)
      var number = 0
      while text.count < length - 200 {
        text.append(contentsOf: piece)
        if piece.last == UInt8(ascii: "#") {  // a number in its place keeps names apart
          text.removeLast()
          text.append(contentsOf: Array(String(number).utf8))
          text.append(contentsOf: Self.tensor)
          number += 1
        }
      }
      text.append(contentsOf: Array(end.utf8))
      return withUnsafeBytes(of: UInt64(text.count).littleEndian, Array.init) + text
    }

    private static let tensor = Array(
      #"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#.utf8)
  }

  static let headers = [
    HugeHeader(testDescription: "white space", start: "{", piece: "          ", end: "}"),
    HugeHeader(
      testDescription: "tensors",
      start: "{\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", piece: ",\"y#",
      end: "}"),
    HugeHeader(testDescription: "one name", start: "{\"", piece: "aaaaaaaaaa", end: "\":{}}"),
    HugeHeader(testDescription: "arrays", start: "{\"a\":{\"shape\":", piece: "[", end: "}}"),
    HugeHeader(testDescription: "digits", start: "{\"a\":{\"shape\":[", piece: "1", end: "]}}"),
    HugeHeader(
      testDescription: "zeros", start: "{\"a\":{\"shape\":[", piece: "0000000000", end: "]}}"),
    HugeHeader(
      testDescription: "a shape", start: "{\"a\":{\"shape\":[", piece: "1,", end: "1]}}"),
    HugeHeader(
      testDescription: "metadata", start: "{\"__metadata__\":{\"a\":\"", piece: "\\u0041",
      end: "\"}}"),
    HugeHeader(testDescription: "the same key", start: "{", piece: "\"a\":{},", end: "\"b\":{}}"),
  ]

  @Test(arguments: headers) func hugeHeaders(_ header: HugeHeader) async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("huge.safetensors")
    try Data(header.bytes(99_999_000)).write(to: URL(fileURLWithPath: path))
    let isSound = header.testDescription == "white space"
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) { [path = path as String, isSound = isSound as Bool] in
      try ProcessUsage.resetPeak()
      let before = try ProcessUsage.residentBytes()
      let start = ProcessUsage.threadSeconds()
      do {
        _ = try SafetensorsFile(path: path)
        #expect(isSound)
      } catch is CheckpointError {
        #expect(!isSound)
      }
      let seconds = ProcessUsage.threadSeconds() - start
      let growth = try ProcessUsage.peakResidentBytes() - before
      print("huge header: \(seconds) s, \(growth >> 20) MiB")
      #expect(seconds < 1)
      #expect(growth < 100 << 20)
    }
    print(String(decoding: result?.standardOutputContent ?? [], as: UTF8.self))
    withExtendedLifetime(folder) {}
  }
}
