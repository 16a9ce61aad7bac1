import Foundation
import TensorCore

/// What lies in a folder of checkpoints, file by file.
package struct CheckpointFolder: Sendable {
  package enum State: String, Sendable, Codable {
    /// There, and what it should be as far as can be told.
    case present
    case missing

    /// There, but unreadable, another network or not all of it.
    case faulty
  }

  package struct File: Sendable {
    package let item: CheckpointLayout.Item
    package fileprivate(set) var state: State

    /// Below the folder; the published name where there is no file.
    package let location: String

    /// Bytes on disk, of all shards.
    package let byteCount: Int

    package let network: RecognisedNetwork?

    /// Bytes of the largest numbered block of the network.
    package let largestBlock: Int

    /// What is wrong with it, one line.
    package fileprivate(set) var problem: String?

    /// Tensors that the network takes from the base.
    package fileprivate(set) var tensorsFromBase = 0
  }

  package let path: String
  package let files: [File]

  /// Looks at every file of the layout; opens checkpoints but touches only their headers.
  ///
  /// - Throws: `CheckpointError.unreadable` where there is no such folder.
  package init(path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CheckpointError.unreadable(path: path, reason: "no such folder")
    }
    guard isFolder.boolValue else {
      throw CheckpointError.unreadable(path: path, reason: "not a folder")
    }
    self.path = path
    let found = CheckpointLayout.items.map { Self.look(at: $0, in: path) }
    let base = found.first { $0.item.network == .wanTransformer && $0.state == .present }
    files = found.map { file in base.map { file.completed(by: $0) } ?? file }
  }

  /// The transformer's files: what it is loaded from, base and overlay.
  package var transformer: [File] {
    files.filter { file in
      file.item.network == .flashPortraitTransformer && file.network != nil
        || file.item.network == .wanTransformer && file.state == .present && needsBase
    }
  }

  /// Whether any file of the layout is there at all.
  package var isLayout: Bool { files.contains { $0.state != .missing } }

  /// Files without which no job can run.
  package var obstacles: [File] {
    files.filter { file in
      guard file.state != .present else { return false }
      return switch file.item.need {
      case .always: true
      case .fallback: needsBase
      case .acceleration: false
      }
    }
  }

  /// What the transformer lacks may come from the base.
  private var needsBase: Bool {
    files.contains { file in
      file.item.network == .flashPortraitTransformer
        && file.network?.kind == .flashPortraitTransformer
        && file.network?.missing.isEmpty == false
    }
  }

  // MARK: One file

  private static func look(at item: CheckpointLayout.Item, in folder: String) -> File {
    var status = stat()
    guard let location = item.location(in: folder), stat("\(folder)/\(location)", &status) == 0
    else {
      return File(
        item: item, state: .missing, location: item.path, byteCount: 0, network: nil,
        largestBlock: 0, problem: nil)
    }
    guard item.network != nil else {
      let problem = status.st_size == 0 ? "the file is empty" : nil
      return File(
        item: item, state: problem == nil ? .present : .faulty, location: location,
        byteCount: Int(status.st_size), network: nil, largestBlock: 0, problem: problem)
    }
    return open(item, at: location, in: folder, byteCount: Int(status.st_size))
  }

  private static func open(
    _ item: CheckpointLayout.Item, at location: String, in folder: String, byteCount: Int
  ) -> File {
    do {
      let file = try Checkpoint.open("\(folder)/\(location)")
      let network = NetworkRecognition.networks(in: file.entries).first
      let shards = (file as? ShardedCheckpoint)?.shardPaths ?? []
      let problem = problem(of: network, expected: item.network)
      return File(
        item: item, state: problem == nil ? .present : .faulty, location: location,
        byteCount: shards.reduce(shards.isEmpty ? byteCount : 0) { $0 + size(of: $1) },
        network: network, largestBlock: largestBlock(file.entries), problem: problem)
    } catch {
      return File(
        item: item, state: .faulty, location: location, byteCount: byteCount, network: nil,
        largestBlock: 0, problem: "\(error)")
    }
  }

  private static func size(of path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  private static func problem(
    of network: RecognisedNetwork?, expected: NetworkKind?
  ) -> String? {
    guard let expected else { return nil }
    guard let network else { return "holds no network that is known" }
    if network.kind != expected { return "holds the \(network.kind.title)" }
    guard let first = network.missingSummary.first else { return nil }
    let more = network.missingSummary.count > 1 ? " and more" : ""
    return "\(network.missing.count) tensors are missing: \(first)\(more)"
  }

  private static func largestBlock(_ entries: [TensorEntry]) -> Int {
    var sizes: [Substring: Int] = [:]
    for entry in entries {
      guard let range = entry.name.range(of: "blocks.") else { continue }
      let number = entry.name[range.upperBound...].prefix { $0 != "." }
      sizes[number, default: 0] += entry.byteCount
    }
    return sizes.values.max() ?? 0
  }
}

extension CheckpointFolder.File {
  /// The same file where a base has all the tensors that it lacks.
  fileprivate func completed(by base: CheckpointFolder.File) -> Self {
    guard item.network == .flashPortraitTransformer, let network,
      network.kind == .flashPortraitTransformer, !network.missing.isEmpty,
      network[geometry: "layers"] == base.network?[geometry: "layers"],
      !network.missing.contains(where: { $0.contains(".emo_") })
    else { return self }
    var file = self
    file.state = .present
    file.problem = nil
    file.tensorsFromBase = network.missing.count
    return file
  }
}
