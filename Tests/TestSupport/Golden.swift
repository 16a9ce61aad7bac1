import Checkpoints
import Foundation
import TensorCore

/// One case of the golden reference data: a safetensors file whose metadata hold a description
/// (`config`) and how close an implementation must come (`tolerance`).
package struct Golden: Sendable {
  package let name: String
  package let file: SafetensorsFile

  /// The metadata's `config`, JSON.
  package let configuration: Data

  private let rules: [(pattern: String, rule: Tolerance)]
  private let fallback: Tolerance

  /// An element passes if |got - want| <= absolute + relative * |want|.
  package struct Tolerance: Sendable {
    package var absolute: Float
    package var relative: Float

    /// Bound of the root-mean-square error over the tensor.
    package var rootMeanSquare: Float?

    /// At most `share` of the elements may be off by more than `over`; replaces the bound on
    /// single elements.
    package var shareOver: (over: Float, share: Float)?

    package init(
      absolute: Float, relative: Float, rootMeanSquare: Float? = nil,
      shareOver: (over: Float, share: Float)? = nil
    ) {
      self.absolute = absolute
      self.relative = relative
      self.rootMeanSquare = rootMeanSquare
      self.shareOver = shareOver
    }
  }

  package enum Failure: Error, CustomStringConvertible {
    case noMetadata(golden: String, key: String)

    package var description: String {
      switch self {
      case .noMetadata(let golden, let key): "golden \(golden): no readable metadata '\(key)'"
      }
    }
  }

  /// The folder of the golden files: `FLASHPORTRAIT_GOLDEN`, else the copies beside the tests.
  package static var folder: String {
    ProcessInfo.processInfo.environment["FLASHPORTRAIT_GOLDEN"]
      ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Goldens").path
  }

  /// Opens a case by name ("dit_tiny").
  package init(_ name: String) throws {
    self.name = name
    file = try SafetensorsFile(path: Self.folder + "/\(name).safetensors")
    configuration = Data(try Self.metadata(file, "config", of: name).utf8)
    let text = try Self.metadata(file, "tolerance", of: name)
    rules = try OrderedTolerances(text, golden: name).rules
    fallback =
      rules.first { $0.pattern == "default" }?.rule ?? Tolerance(absolute: 0, relative: 0)
  }

  private static func metadata(
    _ file: SafetensorsFile, _ key: String, of golden: String
  ) throws -> String {
    guard let text = file.metadata[key] else {
      throw Failure.noMetadata(golden: golden, key: key)
    }
    return text
  }

  /// The configuration, decoded; keys are those of the file.
  package func configuration<T: Decodable>(as type: T.Type) throws -> T {
    try JSONDecoder().decode(type, from: configuration)
  }

  /// Names of tensors that begin with a prefix, in the order of the file.
  package func names(prefix: String) -> [String] {
    file.entries.map(\.name).filter { $0.hasPrefix(prefix) }
  }

  package func tensor(_ name: String) throws -> Tensor { try file.tensor(name) }

  package func floats(_ name: String) throws -> [Float] { try file.tensor(name).floats() }

  /// The values of an int32 or uint8 tensor.
  package func integers(_ name: String) throws -> [Int] {
    let tensor = try file.tensor(name)
    return withExtendedLifetime(tensor) {
      (0..<tensor.count).map {
        tensor.dtype == .i32
          ? Int(tensor.pointer.load(fromByteOffset: 4 * $0, as: Int32.self))
          : Int(tensor.pointer.load(fromByteOffset: $0, as: UInt8.self))
      }
    }
  }

  /// The tolerance that counts for a tensor: the first matching pattern but for `default`.
  package func tolerance(of name: String) -> Tolerance {
    rules.first { $0.pattern != "default" && GlobPattern($0.pattern).matches(name) }?.rule
      ?? fallback
  }

  // MARK: Comparison

  /// Compares a whole tensor with the stored one.
  ///
  /// - Returns: nil where it passes, else what is wrong: the largest excess with its index.
  package func difference(
    _ got: [Float], from name: String, tolerance: Tolerance? = nil
  ) throws -> String? {
    let want = try floats(name)
    let shape = try tensor(name).shape
    guard got.count == want.count else {
      return "\(self.name), \(name): \(got.count) values, expected \(want.count) \(shape)"
    }
    let bound = tolerance ?? self.tolerance(of: name)
    let result = Comparison(got, want, bound)
    return result.failure.map { "\(self.name), \(name) \(shape): \($0)" }
  }

  /// The same for a tensor, whose shape counts too.
  package func difference(
    _ got: Tensor, from name: String, tolerance: Tolerance? = nil
  ) throws -> String? {
    let shape = try tensor(name).shape
    guard got.shape == shape else {
      return "\(self.name), \(name): shape \(got.shape), expected \(shape)"
    }
    return try difference(got.floats(), from: name, tolerance: tolerance)
  }
}

/// The tolerance table with its order kept: the first match counts, and a decoded dictionary has
/// no order.
private struct OrderedTolerances {
  let rules: [(pattern: String, rule: Golden.Tolerance)]

  private struct Rule: Decodable {
    let atol: Float
    let rtol: Float
    let rms: Float?
    let shareOver: [Float]?

    enum CodingKeys: String, CodingKey {
      case atol, rtol, rms
      case shareOver = "share_over"
    }
  }

  init(_ text: String, golden: String) throws {
    let table = try JSONDecoder().decode([String: Rule].self, from: Data(text.utf8))
    // Patterns hold no quotes or escapes, so their places in the text give their order.
    func place(_ pattern: String) -> String.Index {
      text.range(of: "\"\(pattern)\":")?.lowerBound ?? text.endIndex
    }
    rules = table.sorted { place($0.key) < place($1.key) }.map { pattern, rule in
      (
        pattern,
        Golden.Tolerance(
          absolute: rule.atol, relative: rule.rtol, rootMeanSquare: rule.rms,
          shareOver: rule.shareOver.flatMap { $0.count == 2 ? ($0[0], $0[1]) : nil })
      )
    }
  }
}

/// Element-wise comparison of two lists of the same length.
package struct Comparison {
  /// What is wrong, nil where nothing is.
  package let failure: String?

  package init(_ got: [Float], _ want: [Float], _ bound: Golden.Tolerance) {
    var squares = 0.0
    var over = 0
    var worst = (excess: -Float.infinity, index: 0)
    for index in got.indices {
      let isSame = got[index] == want[index] || (got[index].isNaN && want[index].isNaN)
      let error = isSame ? 0 : abs(got[index] - want[index])
      squares += Double(error) * Double(error)
      if let limit = bound.shareOver?.over, !(error <= limit) { over += 1 }
      let excess = error - (bound.absolute + bound.relative * abs(want[index]))
      if excess > worst.excess || excess.isNaN { worst = (excess, index) }
    }
    let count = max(got.count, 1)
    let rms = Float((squares / Double(count)).squareRoot())
    if let share = bound.shareOver {
      let found = Float(over) / Float(count)
      if found > share.share {
        failure =
          "\(found) of the values are off by more than \(share.over), allowed \(share.share)"
        return
      }
    } else if !got.isEmpty, !(worst.excess <= 0) {
      let index = worst.index
      failure =
        "value \(index): got \(got[index]), expected \(want[index]), off by "
        + "\(abs(got[index] - want[index])), allowed "
        + "\(bound.absolute + bound.relative * abs(want[index])); rms error \(rms)"
      return
    }
    if let limit = bound.rootMeanSquare, !(rms <= limit) {
      failure = "rms error \(rms), allowed \(limit)"
      return
    }
    failure = nil
  }
}
