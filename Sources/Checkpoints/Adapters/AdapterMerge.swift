import TensorCore

/// One adapter on its way into a network: turns its tensors into terms for the weights that are
/// claimed, and keeps account of what was used.
struct AdapterMerge {
  let adapter: Adapter
  let strength: Float
  let rules: AdapterRules
  let component: AdapterComponent

  private var used: Set<String> = []
  private var merged: Set<String> = []
  private var misfits: [String: AdapterReport.Misfit] = [:]

  init(_ adapter: WeightedAdapter, component: AdapterComponent) {
    self.adapter = adapter.adapter
    strength = adapter.strength
    rules = adapter.rules
    self.component = component
  }

  // MARK: Terms

  /// What the adapter adds to a weight.
  mutating func terms(for name: String, shape: Shape) throws -> [WeightTerm] {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    let module = parts.dropLast().joined(separator: ".")
    var terms: [WeightTerm] = []
    for part in adapter.parts(of: name, component) {
      if let term = try difference(part, .weightDifference, name, shape) { terms.append(term) }
    }
    for part in module.isEmpty ? [] : adapter.parts(of: module, component) {
      switch parts.last {
      case "weight":
        if let term = try pair(part, name, shape) { terms.append(term) }
        if let term = try difference(part, .weightDifference, name, shape) { terms.append(term) }
      case "bias":
        if let term = try difference(part, .biasDifference, name, shape) { terms.append(term) }
      case "modulation":
        if let term = try difference(part, .modulationDifference, name, shape) {
          terms.append(term)
        }
      default: break
      }
    }
    if !terms.isEmpty { merged.insert(name) }
    return terms
  }

  private mutating func difference(
    _ parts: Adapter.Parts, _ role: AdapterKey.Role, _ target: String, _ shape: Shape
  ) throws -> WeightTerm? {
    guard let name = parts.names[role] else { return nil }
    let tensor = try adapter.file.tensor(name)
    guard tensor.shape == shape else {
      misfit([name], .shape(target: target, expected: shape, found: "\(tensor.shape)"))
      return nil
    }
    used.insert(name)
    return .dense(tensor, scale: strength)
  }

  private mutating func pair(
    _ parts: Adapter.Parts, _ target: String, _ shape: Shape
  ) throws -> WeightTerm? {
    guard let downName = parts.names[.down], let upName = parts.names[.up] else { return nil }
    let names = [downName, upName] + (parts.names[.alpha].map { [$0] } ?? [])
    guard rules.mergesVolumes || shape.rank != 5 else {
      misfit(names, .leftOutByRule)
      return nil
    }
    let down = try adapter.file.tensor(downName)
    let up = try adapter.file.tensor(upName)
    guard let pair = try LowRankPair(up: up, down: down, weight: shape) else {
      misfit(
        names, .shape(target: target, expected: shape, found: "\(up.shape) and \(down.shape)"))
      return nil
    }
    var scale = strength
    if rules.honoursAlpha, let name = parts.names[.alpha] {
      let alpha = try adapter.file.tensor(name)
      guard alpha.count == 1 else {
        misfit(names, .shape(target: target, expected: shape, found: "alpha \(alpha.shape)"))
        return nil
      }
      scale *= try alpha.floats()[0] / Float(pair.rank)
    }
    used.formUnion(names)
    return pair.term(scale: scale)
  }

  private mutating func misfit(_ names: [String], _ reason: AdapterReport.Reason) {
    used.formUnion(names)
    misfits[names[0]] = AdapterReport.Misfit(names: names, reason: reason)
  }

  // MARK: Account

  /// What became of every tensor for this network.
  ///
  /// - Throws: `CheckpointError.adapterMismatch` where nothing was merged, or something was not
  ///   and the rules do not allow that.
  func finish() throws -> AdapterReport {
    var misfits = Array(misfits.values)
    for parts in adapter.allParts(component) {
      let unused = parts.names.values.filter { !used.contains($0) }.sorted()
      guard !unused.isEmpty else { continue }
      let isHalf = (parts.names[.down] == nil) != (parts.names[.up] == nil)
      let half = isHalf ? unused.filter { isPairPart($0, of: parts) } : []
      let rest = unused.filter { !half.contains($0) }
      if !half.isEmpty { misfits.append(AdapterReport.Misfit(names: half, reason: .halfPair)) }
      if !rest.isEmpty { misfits.append(AdapterReport.Misfit(names: rest, reason: .noTarget)) }
    }
    misfits += adapter.unknownNames.map {
      AdapterReport.Misfit(names: [$0], reason: .unknownForm)
    }
    misfits.sort { $0.names[0] < $1.names[0] }
    let report = AdapterReport(
      path: adapter.file.path, merged: merged.sorted(), misfits: misfits)
    let refused = misfits.contains { $0.reason != .leftOutByRule } && !rules.leavesOutMisfits
    if merged.isEmpty || refused { throw CheckpointError.adapterMismatch(report) }
    return report
  }

  private func isPairPart(_ name: String, of parts: Adapter.Parts) -> Bool {
    [.down, .up, .alpha].contains { parts.names[$0] == name }
  }
}

/// Two thin matrices whose product has the size of a weight.
private struct LowRankPair {
  private let up: Tensor
  private let down: Tensor

  var rank: Int { up.shape[1] }

  /// - Parameters:
  ///   - up: `[rows, rank]`, or with further axes of size 1.
  ///   - down: `[rank, columns...]`; for a convolution also that of a 1 x 1 kernel, whose product
  ///     is added at every place of the weight's kernel.
  /// - Returns: nil where they do not fit the weight.
  init?(up: Tensor, down: Tensor, weight: Shape) throws {
    guard weight.rank >= 2, up.shape.rank >= 2, down.shape.rank >= 2, weight.count > 0 else {
      return nil
    }
    let rows = weight[0]
    let columns = weight.count / rows
    let rank = down.shape[0]
    guard rank > 0, up.shape[0] == rows, up.shape[1] == rank, up.count == rows * rank else {
      return nil
    }
    self.up = try up.reshaped([rows, rank])
    let width = down.count / rank
    let sameAxes = Array(down.shape.axes.dropFirst()) == Array(weight.axes.dropFirst())
    if width == columns && (sameAxes || down.shape.rank == 2) {
      self.down = try down.reshaped([rank, columns])
    } else if weight.rank > 2, down.shape[1] == weight[1], width == weight[1] {
      self.down = try Self.repeated(
        down.reshaped([rank, width]).converted(to: .f32), times: columns / width)
    } else {
      return nil
    }
  }

  func term(scale: Float) -> WeightTerm { .lowRank(up: up, down: down, scale: scale) }

  /// Every element of a float32 matrix `times` times in its row.
  private static func repeated(_ matrix: Tensor, times: Int) throws -> Tensor {
    let values = try matrix.floats()
    return try Tensor(
      values.flatMap { repeatElement($0, count: times) },
      shape: [matrix.shape[0], matrix.shape[1] * times])
  }
}
