import Checkpoints
import TensorCore

/// What one checkpoint holds, for `inspect`.
struct CheckpointReport: Encodable {
  struct TypeTotal: Encodable {
    let dtype: String
    let tensors: Int
    let bytes: Int
  }

  struct Network: Encodable {
    let kind: String
    let title: String
    let prefix: String
    let geometry: [String: Int]
    let tensors: Int
    let bytes: Int
    let missing: [String]
    private(set) var words: [String] = []
    private(set) var missingSummary: [String] = []

    private enum CodingKeys: String, CodingKey {
      case kind, title, prefix, geometry, tensors, bytes, missing
    }

    init(_ network: RecognisedNetwork) {
      kind = network.kind.rawValue
      title = network.kind.title
      prefix = network.prefix
      geometry = Dictionary(
        network.geometry.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
      tensors = network.tensorCount
      bytes = network.byteCount
      missing = network.missing
      words = network.geometry.map { "\($0.name) \($0.value)" }
      missingSummary = network.missingSummary
    }
  }

  struct Statistics: Encodable {
    let min: Float?
    let max: Float?
    let mean: Double?
    let nan: Int
    let infinite: Int
  }

  struct TensorRow: Encodable {
    let name: String
    let dtype: String
    let shape: [Int]
    let bytes: Int
    let stats: Statistics?
  }

  let path: String
  let format: String
  let shards: Int?
  let metadata: [String: String]
  let tensorCount: Int
  let bytes: Int
  let types: [TypeTotal]
  let networks: [Network]

  /// The tensors that were asked for; nil where none were.
  let tensors: [TensorRow]?

  /// What to read of a file beyond its header.
  struct Request {
    /// Which tensors to list; nil: none.
    let names: GlobPattern?
    let statistics: Bool
  }

  /// - Throws: `CheckpointError`, `TensorError` where tensors are read and cannot be.
  init(_ file: any TensorFile, _ request: Request) throws {
    path = file.path
    format = file.format.rawValue
    shards = (file as? ShardedCheckpoint)?.shardPaths.count
    metadata = file.metadata
    tensorCount = file.entries.count
    bytes = file.entries.reduce(0) { $0 + $1.byteCount }
    types = Self.totals(file.entries)
    networks = NetworkRecognition.networks(in: file.entries).map(Network.init)
    tensors = try request.names.map { pattern in
      try file.entries.filter { pattern.matches($0.name) }.map { entry in
        try Self.row(entry, of: file, statistics: request.statistics)
      }
    }
  }

  private static func row(
    _ entry: TensorEntry, of file: any TensorFile, statistics: Bool
  ) throws -> TensorRow {
    let stats = statistics ? try file.tensor(entry.name).statistics() : nil
    return TensorRow(
      name: entry.name, dtype: entry.dtype.rawValue, shape: entry.shape.axes,
      bytes: entry.byteCount,
      stats: stats.map {
        Statistics(
          min: $0.minimum, max: $0.maximum, mean: $0.mean, nan: $0.nanCount,
          infinite: $0.infinityCount)
      })
  }

  /// Tensors and bytes of each element type, most bytes first.
  private static func totals(_ entries: [TensorEntry]) -> [TypeTotal] {
    Dictionary(grouping: entries, by: \.dtype).map { dtype, entries in
      TypeTotal(
        dtype: dtype.rawValue, tensors: entries.count,
        bytes: entries.reduce(0) { $0 + $1.byteCount })
    }.sorted { ($1.bytes, $0.dtype) < ($0.bytes, $1.dtype) }
  }
}
