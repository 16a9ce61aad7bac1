import Foundation
import TensorCore

/// A checkpoint in several files, with an index that says which tensor lies where
/// (`*.safetensors.index.json`, `*.bin.index.json`).
package struct ShardedCheckpoint: TensorFile {
  package let path: String
  package let format: CheckpointFormat
  package let metadata: [String: String]

  /// In the order of the shards' names, then of each shard's data.
  package let entries: [TensorEntry]

  /// What the index gives as `total_size`, nil where it gives none. Writers count it differently
  /// (another element type, shared tensors twice), so it is not checked.
  package let declaredByteCount: Int?

  package let shardPaths: [String]

  private let shards: [any TensorFile]
  private let places: [String: Int]

  /// Reads an index and opens every shard that it names.
  ///
  /// - Parameter openShard: opens one file.
  /// - Throws: `CheckpointError`; `.missingShard` names a shard that is not there.
  package init(indexPath: String, openShard: (String) throws -> any TensorFile) throws {
    let index = try ShardIndex(path: indexPath)
    let folder = URL(fileURLWithPath: indexPath).deletingLastPathComponent().path
    var shards: [any TensorFile] = []
    var entries: [TensorEntry] = []
    var places: [String: Int] = [:]
    for (shard, names) in index.shards.sorted(by: { $0.key < $1.key }) {
      let shardPath = "\(folder)/\(shard)"
      guard access(shardPath, F_OK) == 0 else {
        throw CheckpointError.missingShard(
          index: indexPath, shard: shard, tensorCount: names.count)
      }
      let file = try openShard(shardPath)
      let kept = file.entries.filter { names.contains($0.name) }
      if kept.count != names.count {
        let present = Set(kept.map(\.name))
        let absent = names.filter { !present.contains($0) }.sorted()
        throw CheckpointError.malformed(
          path: shardPath, tensor: absent.first,
          expected: "the \(names.count) tensors that \(indexPath) lists for this shard",
          found: "\(absent.count) of them missing")
      }
      for entry in kept { places[entry.name] = shards.count }
      entries += kept
      shards.append(file)
    }
    path = indexPath
    format = shards.first?.format ?? .safetensors
    metadata = shards.first?.metadata ?? [:]
    declaredByteCount = index.totalSize
    shardPaths = shards.map(\.path)
    self.shards = shards
    self.entries = entries
    self.places = places
  }

  package func tensor(_ name: String) throws -> Tensor {
    guard let place = places[name] else {
      throw CheckpointError.noSuchTensor(path: path, tensor: name)
    }
    return try shards[place].tensor(name)
  }
}

/// The index file of a sharded checkpoint.
private struct ShardIndex {
  /// Names of the tensors in each shard.
  private(set) var shards: [String: Set<String>] = [:]
  private(set) var totalSize: Int?

  private static let byteLimit = 32 << 20
  private static let tensorLimit = 1 << 17
  private static let nameLimit = 1024
  private static let shardLimit = 4096

  init(path: String) throws {
    let file = try MappedFile(checkpoint: path)
    func malformed(_ expected: String, _ found: String) -> CheckpointError {
      .malformed(path: path, tensor: nil, expected: expected, found: found)
    }
    guard file.byteCount <= Self.byteLimit else {
      throw malformed("an index of at most \(Self.byteLimit) bytes", "\(file.byteCount)")
    }
    var scanner = JSONScanner(UnsafeRawBufferPointer(start: file.base, count: file.byteCount))
    var seen: Set<String> = []
    do {
      try scanner.object(keyLimit: Self.nameLimit) { scanner, key in
        guard seen.insert(key).inserted, seen.count <= 64 else {
          throw malformed("each member once, and few of them", "'\(key)' again or too many")
        }
        switch key {
        case "weight_map": try readMap(&scanner, malformed: malformed)
        case "metadata": try readMetadata(&scanner)
        default: try scanner.skipValue()
        }
      }
      try scanner.end()
    } catch let fault as JSONFault {
      throw malformed(fault.expected, fault.found)
    }
    guard seen.contains("weight_map") else { throw malformed("a 'weight_map'", "none") }
    guard !shards.isEmpty else { throw malformed("tensors in the 'weight_map'", "none") }
  }

  private mutating func readMap(
    _ scanner: inout JSONScanner, malformed: (String, String) -> CheckpointError
  ) throws {
    var names: Set<String> = []
    try scanner.object(keyLimit: Self.nameLimit) { scanner, name in
      let shard = try scanner.string(limit: 255)
      // A shard lies beside its index: a path could lead anywhere.
      guard !shard.isEmpty, shard != ".", shard != "..",
        !shard.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 })
      else { throw malformed("a file name for tensor '\(name)'", "'\(shard)'") }
      guard names.insert(name).inserted else {
        throw malformed("each tensor once in the 'weight_map'", "'\(name)' twice")
      }
      shards[shard, default: []].insert(name)
      guard names.count <= Self.tensorLimit, shards.count <= Self.shardLimit else {
        throw malformed(
          "at most \(Self.tensorLimit) tensors in \(Self.shardLimit) shards", "more")
      }
    }
  }

  private mutating func readMetadata(_ scanner: inout JSONScanner) throws {
    guard scanner.isAtObject else { return try scanner.skipValue() }
    try scanner.object(keyLimit: 1 << 16) { scanner, key in
      let start = scanner
      try scanner.skipValue()
      guard key == "total_size" else { return }
      // Some writers put a fraction here; it is for display only.
      var number = start
      if case .success(let value) = Result(catching: { try number.unsignedInteger() }) {
        totalSize = value
      }
    }
  }
}
