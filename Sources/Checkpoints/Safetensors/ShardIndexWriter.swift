import Foundation
import TensorCore

/// The index of a sharded checkpoint (`*.safetensors.index.json`) to be written, as the public
/// loaders read it.
package struct ShardIndexWriter: Encodable {
  private struct Metadata: Encodable {
    let totalSize: Int

    private enum CodingKeys: String, CodingKey { case totalSize = "total_size" }
  }

  private let metadata: Metadata
  private let weightMap: [String: String]

  private enum CodingKeys: String, CodingKey {
    case metadata
    case weightMap = "weight_map"
  }

  /// - Parameter shards: file names beside the index, and what each holds.
  package init(_ shards: [(name: String, entries: [TensorEntry])]) {
    metadata = Metadata(
      totalSize: shards.reduce(0) { $0 + $1.entries.reduce(0) { $0 + $1.byteCount } })
    weightMap = Dictionary(
      shards.flatMap { shard in shard.entries.map { ($0.name, shard.name) } },
      uniquingKeysWith: { first, _ in first })
  }

  /// The text of the file; equal shards give equal bytes.
  ///
  /// - Throws: `EncodingError`, which names and numbers cannot cause.
  package func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self)
  }
}

/// How a checkpoint is cut into shards.
package enum Shards {
  /// Cuts items, in their order, into lists of at most `limit` bytes; a larger item is alone.
  ///
  /// - Returns: one empty list where there are no items.
  package static func cut<Item>(
    _ items: [Item], limit: Int, byteCount: (Item) -> Int
  ) -> [[Item]] {
    var shards: [[Item]] = [[]]
    var size = 0
    for item in items {
      let bytes = byteCount(item)
      if !shards[shards.count - 1].isEmpty && bytes > limit - min(size, limit) {
        shards.append([])
        size = 0
      }
      shards[shards.count - 1].append(item)
      size += bytes
    }
    return shards
  }

  /// Name of a shard: "stem-00001-of-00007.safetensors".
  package static func name(_ stem: String, index: Int, of count: Int) -> String {
    stem + String(format: "-%05d-of-%05d", index + 1, count) + ".safetensors"
  }
}
