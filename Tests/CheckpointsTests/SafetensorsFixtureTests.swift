import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// Files that the `safetensors` package wrote (scripts/reference/make_safetensors_fixtures.py).
@Suite struct SafetensorsFixtureTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures").path

  /// The types in the order of the script, which numbers the tensors.
  private static let types: [DType] = [
    .f64, .f32, .f16, .bf16, .f8e4m3, .f8e5m2, .i64, .i32, .i16, .i8, .u8, .bool,
  ]

  private static func expectedBytes(_ number: Int) -> [UInt8] {
    let type = types[number]
    return (0..<(15 * type.byteCount)).map {
      UInt8((37 * $0 + 11 * number + 5) % (type == .bool ? 2 : 251))
    }
  }

  private func checkTypes(_ file: any TensorFile) throws {
    for (number, type) in Self.types.enumerated() {
      let tensor = try file.tensor("type.\(type.rawValue)")
      #expect(tensor.dtype == type)
      #expect(tensor.shape == [3, 5])
      #expect(try tensor.bytes() == Self.expectedBytes(number))
    }
  }

  @Test func everyElementTypeIsReadBitExactly() throws {
    let file = try Checkpoint.open(Self.folder + "/all_types.safetensors")
    try checkTypes(file)
    #expect(file.format == .safetensors)
    #expect(file.entries.count == 15)
    #expect(file.metadata == ["format": "pt", "note": "line\nbreak, \"quotes\", \u{2603}"])
    #expect(try file.tensor("empty").shape == [0, 4])
    #expect(try file.tensor("scalar").floats() == [2.5])
    #expect(try file.tensor("größe \"1\"").floats() == [1, 1])
  }

  @Test func shardsAreReadThroughTheirIndex() throws {
    let file = try Checkpoint.open(Self.folder + "/sharded.safetensors.index.json")
    try checkTypes(file)
    #expect(file.entries.count == 12)
    let sharded = try #require(file as? ShardedCheckpoint)
    #expect(sharded.shardPaths.count == 2)
    #expect(sharded.declaredByteCount == sharded.entries.map(\.byteCount).reduce(0, +))
  }

  @Test func whatWeWriteHoldsTheSame() throws {
    let source = try Checkpoint.open(Self.folder + "/all_types.safetensors")
    let folder = try TemporaryFolder()
    let path = folder.file("copy.safetensors")
    let writer = try SafetensorsWriter(
      path: path, entries: source.entries, metadata: source.metadata)
    for entry in source.entries.reversed() {
      try writer.write(source.tensor(entry.name), to: entry.name)
    }
    try writer.finish()
    let copy = try SafetensorsFile(path: path)
    #expect(copy.metadata == source.metadata)
    #expect(Set(copy.entries.map(\.name)) == Set(source.entries.map(\.name)))
    for entry in source.entries {
      #expect(try copy.tensor(entry.name).bytes() == source.tensor(entry.name).bytes())
    }
    if let target = ProcessInfo.processInfo.environment["FLASHPORTRAIT_KEEP_WRITTEN"] {
      // For scripts/reference/check_safetensors_output.py.
      try Data(contentsOf: URL(fileURLWithPath: path)).write(to: URL(fileURLWithPath: target))
    }
  }
}
