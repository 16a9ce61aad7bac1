import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// A safetensors file put together by hand.
func safetensors(_ header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
  let text = Array(header.utf8)
  let size = length ?? UInt64(text.count)
  return withUnsafeBytes(of: size.littleEndian, Array.init) + text
    + (0..<data).map { UInt8(truncatingIfNeeded: $0) }
}

@Suite struct SafetensorsReaderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func open(_ bytes: [UInt8]) throws -> SafetensorsFile {
    try SafetensorsFile(path: folder.write(bytes, to: "a.safetensors"))
  }

  @Test func readsTensorsInTheOrderOfTheirData() throws {
    let file = try open(
      safetensors(
        #"""
        {"b":{"dtype":"I16","shape":[2],"data_offsets":[4,8]}, "__metadata__" : {"k\n\u00e9\ud83d\ude00":"v"},
        "a":{"data_offsets":[0,4],"shape":[],"dtype":"F32"},"e":{"dtype":"U8","shape":[0,7],"data_offsets":[8,8]}}
        """# + "   \n", data: 8))
    #expect(file.entries.map(\.name) == ["a", "b", "e"])
    #expect(file.metadata == ["k\né😀": "v"])
    #expect(file.entries[0].shape == Shape([]))
    #expect(try file.tensor("b").bytes() == [4, 5, 6, 7])
    #expect(try file.tensor("e").count == 0)
    #expect(throws: CheckpointError.noSuchTensor(path: file.path, tensor: "c")) {
      try file.tensor("c")
    }
  }

  @Test func misalignedDataAreCopied() throws {
    let file = try open(
      safetensors(
        #"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"#
          + #""b":{"dtype":"F32","shape":[1],"data_offsets":[3,7]}}"#, data: 7))
    let value = try file.tensor("b").floats()[0]
    #expect(value.bitPattern == 0x0605_0403)
    #expect(UInt(bitPattern: try file.tensor("b").pointer) % 4 == 0)
  }

  @Test func emptyHeaderIsAnEmptyFile() throws {
    #expect(try open(safetensors("{}")).entries.isEmpty)
  }

  /// Header, bytes of data, what the error must say.
  static let refused: [(String, Int, String)] = [
    ("", 0, "expected an object"),
    ("[]", 0, "expected an object"),
    ("{} x", 0, "expected the end"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},}"#, 4, "expected a string"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#, 4, "'}' after a member"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#, 4, "tensor 'a'"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4, "tensor 'a'"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, 4, "data_offsets"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,2,4]}}"#, 4, "tensor 'a'"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, "8 bytes for F32 [2]"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 5, "belong to no tensor"),
    (
      #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#,
      3, "tensor 'b': expected data that begin at byte 2, after tensor 'a', found 1 (an overlap)"
    ),
    (
      #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}}"#,
      5, "found 3 (a hole)"
    ),
    (
      #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#,
      4, "tensor 'a': expected each tensor once"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0,
      "does not overflow"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}"#, 0,
      "does not overflow"
    ),
    (#"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,0]}}"#, 0, "2^63"),
    (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}}"#, 0, "not negative"),
    (#"{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#, 4, "a whole number"),
    (#"{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}"#, 4, "starts with a zero"),
    (#"{"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}"#, 8, "element type 'C64'"),
    (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4, "not all of them"),
    (#"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 4, "twice"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}"#, 4, "a member 'x'"),
    (#"{"__metadata__":{"k":1}}"#, 0, "expected a string"),
    (#"{"__metadata__":{"k":"a","k":"b"}}"#, 0, "'k' twice"),
    (#"{"__metadata__":{},"__metadata__":{}}"#, 0, "found two"),
    (#"{"__metadata__":{"k":"\ud800"}}"#, 0, "a valid escape"),
    (#"{"__metadata__":{"k":"\x41"}}"#, 0, "a valid escape"),
    ("{\"__metadata__\":{\"k\":\"\u{1}\"}}", 0, "control characters"),
    ("{\"" + String(repeating: "n", count: 1025) + "\":{}}", 0, "at most 1024 bytes"),
    (
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[" + String(repeating: "1,", count: 32)
        + "1],\"data_offsets\":[0,1]}}", 1, "at most 32 numbers"
    ),
  ]

  @Test(arguments: refused.indices) func refuses(_ index: Int) throws {
    let (header, data, text) = Self.refused[index]
    do {
      _ = try open(safetensors(header, data: data))
      Issue.record("read: \(header)")
    } catch let error as CheckpointError {
      #expect("\(error)".contains(text), "\(header): \(error)")
      #expect("\(error)".contains("a.safetensors"))
    }
  }

  @Test(arguments: [0, 1, 7]) func refusesTinyFiles(size: Int) throws {
    #expect(throws: CheckpointError.self) { try open(Array(repeating: 0, count: size)) }
  }

  @Test func refusesHeaderLengths() throws {
    #expect(throws: CheckpointError.self) { try open(safetensors("{}", length: 3)) }
    #expect(throws: CheckpointError.self) { try open(safetensors("{}", length: .max)) }
    #expect(throws: CheckpointError.self) { try open(safetensors("{}", length: 100_000_001)) }
  }

  @Test func refusesInvalidUTF8() throws {
    let bytes = Array(#"{"__metadata__":{"k":"?"}}"#.utf8).map { $0 == 0x3f ? 0xff : $0 }
    let size = withUnsafeBytes(of: UInt64(bytes.count).littleEndian, Array.init)
    do {
      _ = try open(size + bytes)
      Issue.record("read")
    } catch let error as CheckpointError {
      #expect("\(error)".contains("UTF-8"))
    }
  }

  @Test func missingFileAndFolderAreNamed() throws {
    for path in [folder.file("none.safetensors"), folder.path] {
      do {
        _ = try SafetensorsFile(path: path)
        Issue.record("opened")
      } catch let error as CheckpointError {
        #expect("\(error)".hasPrefix(path))
      }
    }
  }
}
