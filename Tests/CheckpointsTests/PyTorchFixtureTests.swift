import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// Files that PyTorch wrote (scripts/reference/make_pytorch_fixtures.py).
@Suite struct PyTorchFixtureTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/pytorch").path

  /// What a file holds, as PyTorch said when it wrote it.
  struct Expected: Decodable {
    struct Item: Decodable {
      let name: String
      let dtype: DType
      let shape: [Int]
      let bytes: String
    }
    let tensors: [Item]
    let metadata: [String: String]
    let byteCount: Int?
  }

  static func expected() throws -> [String: Expected] {
    let text = try Data(contentsOf: URL(fileURLWithPath: folder + "/expected.json"))
    return try JSONDecoder().decode([String: Expected].self, from: text)
  }

  static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  private func check(_ file: any TensorFile, _ expected: Expected, onlyNames: Set<String>? = nil)
    throws
  {
    #expect(file.format == .pyTorch)
    #expect(file.metadata == expected.metadata)
    if onlyNames == nil { #expect(file.entries.map(\.name) == expected.tensors.map(\.name)) }
    for item in expected.tensors {
      let tensor = try file.tensor(item.name)
      #expect(tensor.dtype == item.dtype)
      #expect(tensor.shape.axes == item.shape)
      #expect(tensor.isContiguous)
      #expect(try Self.hexadecimal(tensor.bytes()) == item.bytes, "\(file.path) \(item.name)")
      let entry = file.entries.first { $0.name == item.name }
      #expect(entry == TensorEntry(name: item.name, dtype: item.dtype, shape: tensor.shape))
    }
  }

  @Test func whatPyTorchWroteIsReadBitExactly() throws {
    let all = try Self.expected()
    #expect(all.count == 16)
    for (name, expected) in all where expected.byteCount == nil {
      try check(Checkpoint.open("\(Self.folder)/\(name)"), expected)
    }
  }

  @Test func tensorsBeyondFourGigabytesAreRead() throws {
    let expected = try #require(try Self.expected()["above_4gb.pt"])
    let size = try #require(expected.byteCount)
    #expect(size > 4 << 30)
    let folder = try TemporaryFolder()
    let path = folder.file("above_4gb.pt")
    let head = try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/above_4gb.head"))
    let tail = try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/above_4gb.tail"))
    #expect(FileManager.default.createFile(atPath: path, contents: head))
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.seek(toOffset: UInt64(size - tail.count))
    try handle.write(contentsOf: tail)
    try handle.close()
    let file = try Checkpoint.open(path)
    #expect(file.entries.map(\.name) == ["first", "late", "later"])
    #expect(file.entries[0].byteCount == 1100 << 22)
    try check(file, expected, onlyNames: ["late", "later"])
    let first = try file.tensor("first")
    #expect(withExtendedLifetime(first) { first.pointer.load(as: Float.self) } == 0)
  }

  @Test func tiedTensorsAndViewsShareTheFile() throws {
    let file = try Checkpoint.open(Self.folder + "/views.pt")
    let base = try file.tensor("base")
    #expect(try file.tensor("tied").pointer == base.pointer)
    #expect(try file.tensor("rows").pointer == base.pointer + 24)
    #expect(!base.storage.isWritable)
    #expect(try file.tensor("transposed").storage.isWritable)
  }

  @Test(arguments: [
    ("os_system.pt", "posix.system"),
    ("whole_module.pt", "__main__.Network"),
  ])
  func otherNamesAreRefusedByName(file: String, name: String) {
    let path = "\(Self.folder)/\(file)"
    #expect(throws: CheckpointError.forbiddenGlobal(path: path, name: name)) {
      try Checkpoint.open(path)
    }
  }

  @Test(arguments: [
    ("legacy.pt", "the file format that PyTorch wrote before 1.6"),
    ("deflated.pt", "the compressed entry 'plain/data.pkl' (ZIP method 8)"),
    ("negated_view.pt", "a negated or conjugated view of a tensor"),
    ("torchscript.pt", "a TorchScript program"),
    ("big_endian.pt", "byte order \"big\""),
  ])
  func otherFormatsAreExplained(file: String, found: String) throws {
    let error = try #require(throws: CheckpointError.self) {
      try Checkpoint.open("\(Self.folder)/\(file)")
    }
    guard case .unsupported(_, _, found, _) = error else {
      Issue.record("\(error)")
      return
    }
  }

  @Test func typesThatWeDoNotHaveAreNamedWhenAskedFor() throws {
    let file = try Checkpoint.open(Self.folder + "/other_types.pt")
    let error = try #require(throws: CheckpointError.self) { try file.tensor("z") }
    #expect("\(error)".contains("element type torch.complex64 is not supported"))
    #expect(throws: CheckpointError.noSuchTensor(path: file.path, tensor: "a")) {
      try file.tensor("a")
    }
  }
}
