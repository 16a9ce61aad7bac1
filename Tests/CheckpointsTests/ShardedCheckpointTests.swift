import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct ShardedCheckpointTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try SafetensorsWriter.write(
      [("x", Tensor([1], shape: [1])), ("extra", Tensor([2], shape: [1]))],
      to: folder.file("s1.safetensors"))
    try SafetensorsWriter.write(
      [("y", Tensor([3], shape: [1]))], to: folder.file("s2.safetensors"))
  }

  private func open(_ index: String) throws -> any TensorFile {
    _ = try folder.write(Array(index.utf8), to: "m.safetensors.index.json")
    return try Checkpoint.open(folder.file("m.safetensors.index.json"))
  }

  @Test func onlyListedTensorsBelongToIt() throws {
    let file = try open(
      #"{"weight_map":{"y":"s2.safetensors","x":"s1.safetensors"},"metadata":{"total_size":1.5,"n":[{"a":[]}]},"other":[1,[],{},{"a":-0.5e3}]}"#
    )
    #expect(file.entries.map(\.name) == ["x", "y"])
    #expect(try file.tensor("y").floats() == [3])
    #expect(throws: CheckpointError.noSuchTensor(path: file.path, tensor: "extra")) {
      try file.tensor("extra")
    }
  }

  @Test func theFolderIsOpenedByItsIndex() throws {
    _ = try open(#"{"weight_map":{"x":"s1.safetensors"}}"#)
    #expect(try Checkpoint.open(folder.path).entries.map(\.name) == ["x"])
  }

  @Test func aFolderWithSeveralFilesIsRefused() throws {
    do {
      _ = try Checkpoint.open(folder.path)
      Issue.record("opened")
    } catch CheckpointError.noCheckpoint(_, let found) {
      #expect(found == "2: s1.safetensors, s2.safetensors")
    }
    let empty = try TemporaryFolder()
    #expect(throws: CheckpointError.noCheckpoint(folder: empty.path, found: "none")) {
      try Checkpoint.open(empty.path)
    }
  }

  @Test func aMissingShardIsNamed() throws {
    #expect(
      throws: CheckpointError.missingShard(
        index: folder.file("m.safetensors.index.json"), shard: "s3.safetensors", tensorCount: 2)
    ) {
      try open(#"{"weight_map":{"y":"s3.safetensors","x":"s1.safetensors","z":"s3.safetensors"}}"#)
    }
  }

  @Test func aTensorMissingFromItsShardIsNamed() throws {
    do {
      _ = try open(#"{"weight_map":{"y":"s1.safetensors"}}"#)
      Issue.record("opened")
    } catch CheckpointError.malformed(let path, let tensor, _, _) {
      #expect(path.hasSuffix("s1.safetensors"))
      #expect(tensor == "y")
    }
  }

  @Test(arguments: [
    #"{"weight_map":{"x":"../s1.safetensors"}}"#, #"{"weight_map":{"x":"/etc/passwd"}}"#,
    #"{"weight_map":{"x":".."}}"#, #"{"weight_map":{"x":""}}"#,
    #"{"weight_map":{"x":"s1.safetensors\u0000"}}"#,
    #"{"weight_map":{"x":"s1.safetensors","x":"s2.safetensors"}}"#,
    #"{"weight_map":{},"weight_map":{"x":"s1.safetensors"}}"#,
    #"{"weight_map":{}}"#, #"{"metadata":{}}"#, #"{"weight_map":[]}"#, #"{"weight_map":{"x":1}}"#,
    #"[]"#, "", #"{"weight_map":{"x":"s1.safetensors"}"#, #"{"a":01,"weight_map":{}}"#,
    "{\"a\":" + String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
      + ",\"weight_map\":{\"x\":\"s1.safetensors\"}}",
    #"{"a":[1,],"weight_map":{"x":"s1.safetensors"}}"#,
    #"{"a":{"b":1,},"weight_map":{"x":"s1.safetensors"}}"#,
    #"{"a":[1}],"weight_map":{"x":"s1.safetensors"}}"#,
    #"{"a":tru,"weight_map":{"x":"s1.safetensors"}}"#,
  ])
  func refuses(_ index: String) throws {
    do {
      _ = try open(index)
      Issue.record("opened \(index)")
    } catch let error as CheckpointError {
      #expect("\(error)".hasPrefix(folder.path))
    }
  }
}
