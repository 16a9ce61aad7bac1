import Foundation

extension CheckpointReport {
  /// The report for people.
  var lines: [String] {
    var lines = [headline]
    if let shard = path.wholeMatch(of: /.*-(\d{5})-of-(\d{5})\.\w+/) {
      lines.append(
        "  shard \(Int(shard.1) ?? 0) of \(Int(shard.2) ?? 0): the .index.json beside it has the rest"
      )
    }
    lines += networks.isEmpty ? ["  network: none that is known"] : networks.flatMap(networkLines)
    lines += typeLines
    if !metadata.isEmpty { lines += metadataLines }
    if let tensors { lines += tensorLines(tensors) }
    return lines
  }

  private var headline: String {
    let parts = shards.map { " in \(formatCount($0, "shard"))" } ?? ""
    return "\(printable(path)): \(format)\(parts), \(formatCount(tensorCount, "tensor")), "
      + formatBytes(bytes)
  }

  private func networkLines(_ network: Network) -> [String] {
    let prefix = network.prefix.isEmpty ? "" : ", prefix \"\(network.prefix)\""
    let sizes = network.words.isEmpty ? "" : " (\(network.words.joined(separator: ", ")))"
    let count = "\(formatCount(network.tensors, "tensor")), \(formatBytes(network.bytes))"
    var lines = ["  network: \(network.title)\(sizes), \(count)\(prefix)"]
    if !network.missing.isEmpty {
      lines.append("    missing \(formatCount(network.missing.count, "tensor")):")
      lines += network.missingSummary.map { "      \($0)" }
    }
    return lines
  }

  private var typeLines: [String] {
    var table = TextTable([.left, .right, .right], indent: "    ")
    for type in types {
      table.add(type.dtype, formatCount(type.tensors, "tensor"), formatBytes(type.bytes))
    }
    return types.isEmpty ? [] : ["  types:"] + table.lines
  }

  private var metadataLines: [String] {
    var table = TextTable([.left, .left], indent: "    ")
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      table.add(printable(key), shortened(printable(value)))
    }
    return ["  metadata:"] + table.lines
  }

  private func shortened(_ text: String) -> String {
    text.count <= 100 ? text : text.prefix(99) + "…"
  }

  private func tensorLines(_ tensors: [TensorRow]) -> [String] {
    let hasStatistics = tensors.contains { $0.stats != nil }
    var table = TextTable(
      [.left, .left, .left] + [TextTable.Alignment](repeating: .right, count: 6), indent: "    ")
    if hasStatistics {
      table.add("name", "type", "shape", "bytes", "min", "max", "mean", "NaN", "inf")
    }
    for tensor in tensors {
      let shape = "[\(tensor.shape.map(String.init).joined(separator: ", "))]"
      let cells = [printable(tensor.name), tensor.dtype, shape, formatBytes(tensor.bytes)]
      table.add(cells + (tensor.stats.map(statisticsCells) ?? []))
    }
    let count =
      tensors.count == tensorCount
      ? "" : " (\(tensors.count) of \(formatCount(tensorCount, "tensor")) match)"
    return ["  tensors\(count):"] + table.lines
  }

  private func statisticsCells(_ stats: Statistics) -> [String] {
    func number(_ value: Double?) -> String {
      value.map { String(format: "%.5g", $0) } ?? "-"
    }
    return [
      number(stats.min.map(Double.init)), number(stats.max.map(Double.init)), number(stats.mean),
      "\(stats.nan)", "\(stats.infinite)",
    ]
  }
}
