/// A pattern of tensor names: `*` stands for any text, everything else for itself.
package struct GlobPattern: Sendable, Equatable {
  private let pieces: [[UInt8]]

  package init(_ pattern: String) {
    pieces = pattern.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
      .map(Array.init)
  }

  package func matches(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = pieces.first, let last = pieces.last, bytes.starts(with: first) else {
      return false
    }
    if pieces.count == 1 { return bytes.count == first.count }
    guard bytes.count >= first.count + last.count,
      bytes[(bytes.count - last.count)...].elementsEqual(last)
    else { return false }
    // Between the fixed ends the earliest place of each piece is as good as any.
    var rest = bytes[first.count..<(bytes.count - last.count)]
    for piece in pieces.dropFirst().dropLast() {
      while !rest.starts(with: piece) {
        if rest.isEmpty { return false }
        rest = rest.dropFirst()
      }
      rest = rest.dropFirst(piece.count)
    }
    return true
  }
}
