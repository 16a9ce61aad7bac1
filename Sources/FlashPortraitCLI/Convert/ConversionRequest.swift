import Checkpoints
import TensorCore

/// What the user asked `convert` to do with the tensors.
struct ConversionRequest {
  let output: String
  let type: TargetType
  let quantisation: Quantisation?
  let prefix: String?
  let splits: Bool
  let shardSize: Int?

  /// The two networks of a trained file and the names that the published tools give them.
  private static let parts = zip(
    NetworkRecognition.bundlePrefixes, ["transformer", "portrait_encoder"])

  /// Decides on every output.
  ///
  /// - Throws: `CommandError.inputIsNot` where a prefix or a part is not there; `CheckpointError`.
  func plan(for file: any TensorFile) throws -> ConversionPlan {
    guard splits else {
      let items = try strip(file.entries, of: file).map(item)
      return try ConversionPlan([(output, items)], shardSize: shardSize)
    }
    let parts = try Self.parts.map { prefix, name in
      let entries = file.entries.filter { $0.name.hasPrefix(prefix) }
      guard !entries.isEmpty else {
        throw CommandError.inputIsNot(
          path: file.path,
          expected: "a trained file of both networks: no tensor starts with "
            + "'\(prefix)'")
      }
      let items = entries.map { item($0, String($0.name.dropFirst(prefix.count))) }
      return (path: "\(output)/\(name).safetensors", items: items)
    }
    return try ConversionPlan(parts, shardSize: shardSize)
  }

  /// Tensors that a split leaves out, for a warning.
  func leftOut(of file: any TensorFile) -> [String] {
    guard splits else { return [] }
    return file.entries.map(\.name).filter { name in
      !NetworkRecognition.bundlePrefixes.contains { name.hasPrefix($0) }
    }
  }

  private func strip(
    _ entries: [TensorEntry], of file: any TensorFile
  ) throws -> [(TensorEntry, String)] {
    guard let prefix else { return entries.map { ($0, $0.name) } }
    guard entries.contains(where: { $0.name.hasPrefix(prefix) && $0.name != prefix }) else {
      throw CommandError.inputIsNot(
        path: file.path, expected: "a file with names that start with '\(prefix)'")
    }
    return entries.map { entry in
      let isPrefixed = entry.name.hasPrefix(prefix) && entry.name != prefix
      return (entry, isPrefixed ? String(entry.name.dropFirst(prefix.count)) : entry.name)
    }
  }

  private func item(_ entry: TensorEntry, _ name: String) -> ConversionPlan.Item {
    ConversionPlan.Item(source: entry, name: name, form: form(of: entry, name))
  }

  private func form(of entry: TensorEntry, _ name: String) -> ConversionPlan.Form {
    guard entry.dtype.isFloatingPoint else { return .converted(entry.dtype) }
    if let quantisation, RowQuantisation.applies(to: name, shape: entry.shape) {
      return quantisation == .int8 ? .quantised : .converted(.f8e4m3)
    }
    return .converted(type.dtype ?? entry.dtype)
  }
}
