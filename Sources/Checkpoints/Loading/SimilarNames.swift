/// A name to compare with others, to guess what was meant.
package struct SimilarNames {
  package let name: String
  private let bytes: [UInt8]

  package init(_ name: String) {
    self.name = name
    bytes = Array(name.utf8)
  }

  /// The candidate that is this name with another prefix, or the one with the fewest letters
  /// changed, where that are few.
  package func nearest(of candidates: [SimilarNames]) -> String? {
    if let longer = candidates.first(where: { candidate in
      candidate.name.hasSuffix("." + name) || name.hasSuffix("." + candidate.name)
    }) {
      return longer.name
    }
    var best: (distance: Int, name: String)?
    for candidate in candidates {
      let limit = best.map { $0.distance - 1 } ?? max(1, bytes.count / 6)
      guard let distance = distance(to: candidate.bytes, limit: limit) else { continue }
      best = (distance, candidate.name)
      if distance <= 1 { break }
    }
    return best?.name
  }

  /// Letters to insert, delete or replace (Levenshtein), nil where more than `limit`.
  private func distance(to other: [UInt8], limit: Int) -> Int? {
    guard limit >= 0, abs(bytes.count - other.count) <= limit else { return nil }
    var previous = Array(0...other.count)
    var current = previous
    for (row, byte) in bytes.enumerated() {
      current[0] = row + 1
      var least = row + 1
      for (column, candidate) in other.enumerated() {
        let replaced = previous[column] + (byte == candidate ? 0 : 1)
        current[column + 1] = min(replaced, previous[column + 1] + 1, current[column] + 1)
        least = min(least, current[column + 1])
      }
      if least > limit { return nil }
      swap(&previous, &current)
    }
    return previous[other.count] <= limit ? previous[other.count] : nil
  }
}
