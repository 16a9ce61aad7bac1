import Checkpoints
import Foundation
import OutputFiles
import TensorCore

/// What `convert` will write: decided and checked in full before the first byte.
struct ConversionPlan {
  /// One tensor on its way from the input to an output.
  struct Item {
    let source: TensorEntry
    let name: String
    let form: Form
  }

  /// What becomes of a tensor's elements.
  enum Form: Equatable {
    case converted(DType)

    /// Bytes and a scale for each row, see `RowQuantisation`.
    case quantised
  }

  /// One output file.
  struct File {
    let path: String
    let items: [Item]

    /// What the file will hold.
    var entries: [TensorEntry] { items.flatMap(\.entries) }

    var byteCount: Int { entries.reduce(0) { $0 + $1.byteCount } }
  }

  /// Files that belong together: one, or shards with an index.
  struct Group {
    let files: [File]

    /// Path of the index of shards, nil where there is only one file.
    let indexPath: String?

    var outputPaths: [String] { files.map(\.path) + (indexPath.map { [$0] } ?? []) }
  }

  let groups: [Group]

  var byteCount: Int { groups.flatMap(\.files).reduce(0) { $0 + $1.byteCount } }
  var outputPaths: [String] { groups.flatMap(\.outputPaths) }
  var items: [Item] { groups.flatMap(\.files).flatMap(\.items) }

  /// - Throws: `OutputError.diskFull` where the outputs have no room on their disk.
  func checkRoom() throws {
    guard let first = outputPaths.first else { return }
    let available = try DiskSpace.available(in: OutputPath.folder(of: first))
    // A header line takes a name and some numbers.
    let headers = groups.flatMap(\.files).flatMap(\.entries)
      .reduce(0) { $0 + $1.name.utf8.count + 128 }
    let needed = byteCount + headers
    if needed > available {
      throw OutputError.diskFull(path: first, needed: needed, available: available)
    }
  }

  /// - Parameters:
  ///   - parts: path and tensors of each output, before it is cut into shards.
  ///   - shardSize: most bytes of a file, nil: no limit.
  /// - Throws: `CheckpointError.duplicateTensor`.
  init(_ parts: [(path: String, items: [Item])], shardSize: Int?) throws {
    groups = try parts.map { path, items in
      var names: Set<String> = []
      for name in items.flatMap(\.entries).map(\.name) where !names.insert(name).inserted {
        throw CheckpointError.duplicateTensor(path: path, tensor: name)
      }
      let shards = Shards.cut(items, limit: shardSize ?? .max) { item in
        item.entries.reduce(0) { $0 + $1.byteCount }
      }
      guard shards.count > 1 else {
        return Group(files: [File(path: path, items: items)], indexPath: nil)
      }
      let stem = path.hasSuffix(".safetensors") ? String(path.dropLast(12)) : path
      let files = shards.enumerated().map { index, items in
        File(path: Shards.name(stem, index: index, of: shards.count), items: items)
      }
      return Group(files: files, indexPath: "\(stem).safetensors.index.json")
    }
  }
}

extension ConversionPlan.Item {
  /// What the output holds of this tensor.
  var entries: [TensorEntry] {
    switch form {
    case .converted(let dtype): [TensorEntry(name: name, dtype: dtype, shape: source.shape)]
    case .quantised:
      [
        TensorEntry(name: name, dtype: .i8, shape: source.shape),
        TensorEntry(
          name: RowQuantisation.scaleName(of: name), dtype: .f32, shape: [source.shape[0]]),
      ]
    }
  }
}
