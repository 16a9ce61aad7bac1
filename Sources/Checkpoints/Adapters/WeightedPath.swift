/// An adapter's file and how strongly it counts, as users write it: `file.safetensors:0.5`.
package struct WeightedPath: Sendable, Equatable {
  package var path: String
  package var weight: Float

  package init(path: String, weight: Float = 1) {
    self.path = path
    self.weight = weight
  }

  /// - Parameter text: a path may hold colons itself: only a number after the last one is a weight.
  /// - Returns: nil where no path is left.
  package init?(_ text: String) {
    if let colon = text.lastIndex(of: ":"), let weight = Float(text[text.index(after: colon)...]),
      weight.isFinite
    {
      self.init(path: String(text[..<colon]), weight: weight)
    } else {
      self.init(path: text)
    }
    if path.isEmpty { return nil }
  }
}
