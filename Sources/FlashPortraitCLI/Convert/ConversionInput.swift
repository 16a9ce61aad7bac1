import Checkpoints
import TensorCore

/// The tensors that `convert` reads, with adapters merged into those that they change.
struct ConversionInput {
  let file: any TensorFile

  /// What became of each adapter.
  let adapterReports: [AdapterReport]

  private let merged: MergedTensorSource?
  private let changed: Set<String>

  /// Opens adapters and makes sure that they fit, before anything is written.
  ///
  /// - Parameters:
  ///   - items: what will be written; adapters know tensors by the names in the output.
  ///   - leavesOutMisfits: whether adapter tensors that fit nothing are no error.
  /// - Throws: `CheckpointError`, `.adapterMismatch` among them; `CommandError.inputMissing`.
  init(
    _ file: any TensorFile, adapters paths: [WeightedPath], items: [ConversionPlan.Item],
    leavesOutMisfits: Bool
  ) throws {
    self.file = file
    guard !paths.isEmpty else {
      adapterReports = []
      merged = nil
      changed = []
      return
    }
    let rules = AdapterRules(leavesOutMisfits: leavesOutMisfits)
    let adapters = try paths.map { path in
      try InputPath.check(path.path)
      return WeightedAdapter(try .open(path.path), strength: path.weight, rules: rules)
    }
    let preview = try AdapterPreview(
      of: adapters, on: items.map { ($0.name, $0.source.shape) })
    adapterReports = preview.reports
    changed = Set(preview.operations.keys)
    merged = MergedTensorSource(
      RenamedSource(file, items), adapters: adapters, roundsAsStored: false)
  }

  /// A tensor to be written; where an adapter changes it, the sum, rounded once to the type that
  /// the output has (float32 where it will be quantised).
  func tensor(of item: ConversionPlan.Item) throws -> Tensor {
    guard let merged, changed.contains(item.name) else { return try file.tensor(item.source.name) }
    let dtype: DType =
      switch item.form {
      case .converted(let dtype): dtype
      case .quantised: .f32
      }
    return try merged.claim(item.name, shape: item.source.shape, as: dtype)
  }
}

/// A file's tensors under the names that they get in the output.
private struct RenamedSource: TensorSource {
  private let file: any TensorFile
  private let names: [String: String]

  init(_ file: any TensorFile, _ items: [ConversionPlan.Item]) {
    self.file = file
    names = Dictionary(
      items.map { ($0.name, $0.source.name) }, uniquingKeysWith: { first, _ in first })
  }

  func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor {
    let tensor = try file.tensor(names[name] ?? name)
    return try dtype.map { try tensor.converted(to: $0) } ?? tensor
  }
}
