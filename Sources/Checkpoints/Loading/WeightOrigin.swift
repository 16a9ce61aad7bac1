/// A checkpoint among those that a network is loaded from, and how its names become the network's.
package struct WeightOrigin: Sendable {
  package let file: any TensorFile

  /// Prefixes to replace, each at most once, in this order.
  package let replacements: [PrefixReplacement]

  /// Only tensors whose name (as it stands in the file) begins with one of these take part; all,
  /// where it is empty. The others are never reported as unused.
  package let selectedPrefixes: [String]

  package struct PrefixReplacement: Sendable {
    package let prefix: String
    package let replacement: String

    package init(_ prefix: String, with replacement: String) {
      self.prefix = prefix
      self.replacement = replacement
    }
  }

  package init(
    _ file: any TensorFile, replacing replacements: [PrefixReplacement] = [],
    selecting selectedPrefixes: [String] = []
  ) {
    self.file = file
    self.replacements = replacements
    self.selectedPrefixes = selectedPrefixes
  }

  /// A checkpoint whose names lose these prefixes ("module.", "model.") where they have them.
  package init(
    _ file: any TensorFile, stripping prefixes: [String], selecting selected: [String] = []
  ) {
    self.init(
      file, replacing: prefixes.map { PrefixReplacement($0, with: "") }, selecting: selected)
  }

  /// The network's name for a tensor of the file, nil where the tensor takes no part.
  func networkName(of name: String) -> String? {
    guard selectedPrefixes.isEmpty || selectedPrefixes.contains(where: name.hasPrefix) else {
      return nil
    }
    return replacements.reduce(name) { name, rule in
      name.hasPrefix(rule.prefix) ? rule.replacement + name.dropFirst(rule.prefix.count) : name
    }
  }
}
