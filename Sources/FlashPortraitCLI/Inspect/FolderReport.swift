import Checkpoints
import Foundation

/// What the files of a folder hold, for `inspect`.
struct FolderReport: Encodable {
  struct Entry: Encodable {
    /// Below the folder.
    let path: String

    /// What the file is for, where the folder has the published layout.
    let purpose: String?
    let checkpoint: CheckpointReport?

    /// Bytes of a file without tensors.
    let bytes: Int?
    let problem: String?
  }

  let path: String
  let files: [Entry]

  /// Files of the published layout that are not there; empty for other folders.
  let missing: [String]

  /// The first file that is broken.
  let firstError: (any Error)?

  private enum CodingKeys: String, CodingKey { case path, files, missing }

  /// - Throws: `CommandError.emptyInput` where there is no checkpoint at all.
  init(_ folder: String, _ request: CheckpointReport.Request) throws {
    let present = CheckpointLayout.items.compactMap { item in
      item.location(in: folder).map { (item: item, path: $0) }
    }
    let isLayout = !present.isEmpty
    let paths = isLayout ? present.map(\.path) : try Self.checkpointNames(in: folder)
    guard !paths.isEmpty else {
      throw CommandError.emptyInput(
        path: folder,
        expected: "checkpoints (.safetensors, .index.json, .pt, .pth, .bin) or the published layout"
      )
    }
    var files: [Entry] = []
    var firstError: (any Error)?
    for (index, name) in paths.enumerated() {
      let item = isLayout ? present[index].item : nil
      do {
        files.append(try Self.entry(name, item, in: folder, request))
      } catch {
        firstError = firstError ?? error
        files.append(
          Entry(
            path: name, purpose: item?.purpose, checkpoint: nil, bytes: nil, problem: "\(error)"))
      }
    }
    path = folder
    self.files = files
    self.firstError = firstError
    missing =
      isLayout
      ? CheckpointLayout.items.map(\.path).filter { path in
        !present.contains { $0.item.path == path }
      }
      : []
  }

  private static func entry(
    _ name: String, _ item: CheckpointLayout.Item?, in folder: String,
    _ request: CheckpointReport.Request
  ) throws -> Entry {
    let path = "\(folder)/\(name)"
    if let item, item.network == nil {
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
      return Entry(
        path: name, purpose: item.purpose, checkpoint: nil, bytes: size ?? 0,
        problem: size == 0 ? "the file is empty" : nil)
    }
    let report = try CheckpointReport(Checkpoint.open(path), request)
    return Entry(path: name, purpose: item?.purpose, checkpoint: report, bytes: nil, problem: nil)
  }

  /// Checkpoint files in a folder; shards that an index covers are left to it.
  private static func checkpointNames(in folder: String) throws -> [String] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    let indexes = names.filter { $0.hasSuffix(".index.json") }
    let shard = /.*-\d{5}-of-\d{5}\.(safetensors|bin)/
    return indexes
      + names.filter { name in
        let isCheckpoint = [".safetensors", ".pt", ".pth", ".bin"].contains { name.hasSuffix($0) }
        return isCheckpoint && !name.hasPrefix(".")
          && (indexes.isEmpty || name.wholeMatch(of: shard) == nil)
      }
  }

  /// The report for people.
  var lines: [String] {
    var lines = ["\(printable(path)): folder, \(formatCount(files.count, "file"))"]
    for file in files {
      if let checkpoint = file.checkpoint {
        lines += checkpoint.lines
      } else {
        let purpose = file.purpose.map { ": \($0)" } ?? ""
        let state = file.problem ?? formatBytes(file.bytes ?? 0)
        lines.append("\(printable(file.path))\(purpose), \(printable(state))")
      }
    }
    if !missing.isEmpty { lines.append("missing of the published layout:") }
    return lines + missing.map { "  \($0)" }
  }
}
