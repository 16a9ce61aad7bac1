import Foundation
import TensorCore

/// All that does not fit between a network and the checkpoints that it was loaded from.
package struct WeightReport: Equatable, Sendable, CustomStringConvertible {
  /// A tensor whose shape is not the one that the network's configuration asks for.
  package struct Misshaped: Equatable, Sendable {
    package let name: String
    package let expected: Shape
    package let found: Shape
    package let path: String
  }

  package let network: String
  package let paths: [String]

  /// Tensors that the network needs and no checkpoint has.
  package let missing: [TensorDeclaration]
  package let misshaped: [Misshaped]

  /// Tensors of the checkpoints that the network did not ask for.
  package let unused: [String]

  /// For some of the missing ones an unused tensor that may be meant.
  package let suggestions: [String: String]

  /// Missing tensors for which a similar name is looked for; the rest follows their pattern.
  private static let suggestionLimit = 24

  init(
    network: String, paths: [String], missing: [TensorDeclaration], misshaped: [Misshaped],
    unused: [String]
  ) {
    self.network = network
    self.paths = paths
    self.missing = missing.sorted { Self.precedes($0.name, $1.name) }
    self.misshaped = misshaped.sorted { Self.precedes($0.name, $1.name) }
    self.unused = unused.sorted(by: Self.precedes)
    let candidates = self.unused.map(SimilarNames.init)
    suggestions = Dictionary(
      uniqueKeysWithValues: self.missing.prefix(Self.suggestionLimit).compactMap { tensor in
        SimilarNames(tensor.name).nearest(of: candidates).map { (tensor.name, $0) }
      })
  }

  /// Numbers in names count by their value: blocks.2 before blocks.10.
  private static func precedes(_ first: String, _ second: String) -> Bool {
    first.compare(second, options: [.numeric, .literal]) == .orderedAscending
  }

  // MARK: Wording

  package var description: String {
    var lines = [
      "\(paths.joined(separator: " + ")): does not fit the \(network): \(missing.count) tensors "
        + "missing, \(misshaped.count) of another shape, \(unused.count) unused"
    ]
    if !missing.isEmpty {
      lines.append("missing:")
      let texts = missing.map { tensor in
        let hint = suggestions[tensor.name].map { " (did you mean '\($0)'?)" } ?? ""
        return (tensor.name, " \(tensor.shape)\(hint)")
      }
      lines += Self.listed(texts)
    }
    if !misshaped.isEmpty {
      lines.append("of another shape:")
      lines += Self.listed(
        misshaped.map { ($0.name, ": expected \($0.expected), found \($0.found) in \($0.path)") })
    }
    if !unused.isEmpty {
      lines.append("unused:")
      lines += Self.listed(unused.map { ($0, "") })
    }
    lines.append("Is this the right file for this network and configuration?")
    return lines.map(\.printable).joined(separator: "\n")
  }

  private static let lineLimit = 24

  /// One line for each name, or for each set of names that differ in their numbers alone.
  private static func listed(_ items: [(name: String, detail: String)]) -> [String] {
    var families: [(key: String, first: Int, count: Int)] = []
    var places: [String: Int] = [:]
    for (index, item) in items.enumerated() {
      let key = item.name.split(separator: ".", omittingEmptySubsequences: false)
        .map { $0.allSatisfy(\.isNumber) && !$0.isEmpty ? "*" : String($0) }.joined(separator: ".")
      if let place = places[key] {
        families[place].count += 1
      } else {
        places[key] = families.count
        families.append((key, index, 1))
      }
    }
    var lines = families.prefix(lineLimit).map { family in
      let item = items[family.first]
      return family.count == 1
        ? "  \(item.name)\(item.detail)"
        : "  \(family.key): \(family.count) tensors, the first \(item.name)\(item.detail)"
    }
    let rest = families.dropFirst(lineLimit).map(\.count).reduce(0, +)
    if rest > 0 { lines.append("  and \(rest) more") }
    return lines
  }
}
