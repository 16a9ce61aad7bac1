/// The replacement table of a SentencePiece normaliser (`precompiled_charsmap`): the size of a trie in
/// bytes, the trie (a Darts double array), and the texts that its values point at, each closed by a
/// zero.
///
/// The library follows offsets in the trie without looking whether they stay inside, so a damaged file
/// could make it read anywhere: this walks all that can be reached first.
struct NormalizerTable {
  private let units: UnsafeRawBufferPointer
  private let texts: UnsafeRawBufferPointer
  /// For each unit the most values on a path below it; nil before its visit.
  private var deepest: [Int?]

  /// What is wrong with a table, in words.
  struct Damage: Error { let found: String }

  /// The library's buffer for the values on one path.
  private static let valueLimit = 32
  /// Bytes of a key; published tables stay under 32.
  private static let keyLimit = 256

  /// Checks a table; an empty one stands for no replacements.
  ///
  /// - Parameter table: bytes that its owner keeps alive.
  /// - Throws: `Damage`.
  static func check(_ table: UnsafeRawBufferPointer) throws(Damage) {
    if table.isEmpty { return }
    var table = try NormalizerTable(table)
    _ = try table.visit(0, depth: 0)
  }

  private init(_ table: UnsafeRawBufferPointer) throws(Damage) {
    guard table.count > 8 else { throw Damage(found: "\(table.count) bytes") }
    let size = Int(UInt32(littleEndian: table.loadUnaligned(as: UInt32.self)))
    guard size >= 4, size % 4 == 0, size < table.count - 4 else {
      throw Damage(found: "a trie of \(size) bytes among \(table.count)")
    }
    units = UnsafeRawBufferPointer(rebasing: table[4..<4 + size])
    texts = UnsafeRawBufferPointer(rebasing: table[(4 + size)...])
    guard texts.last == 0 else { throw Damage(found: "a last text without an end") }
    deepest = Array(repeating: nil, count: size / 4)
  }

  private func unit(_ index: Int) -> UInt32 {
    UInt32(littleEndian: units.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
  }

  /// Visits everything below a unit once.
  ///
  /// - Returns: the most values on a path from there, its own not counted.
  private mutating func visit(_ index: Int, depth: Int) throws(Damage) -> Int {
    if let known = deepest[index] { return known }
    guard depth <= Self.keyLimit else {
      throw Damage(found: "a key of more than \(Self.keyLimit) bytes or a circle")
    }
    let current = unit(index)
    let shift = (current & 1 << 9) >> 6
    let base = index ^ Int((current >> 10) << shift)
    // Any byte may come next, and changes the lowest eight bits.
    guard base | 0xFF < deepest.count else {
      throw Damage(found: "an offset to unit \(base) of \(deepest.count)")
    }
    if current >> 8 & 1 == 1 {
      let place = Int(unit(base) & 0x7FFF_FFFF)
      guard place < texts.count else {
        throw Damage(found: "a text at byte \(place) of \(texts.count)")
      }
    }
    var most = 0
    for label in 0..<256 {
      let child = base ^ label
      let next = unit(child)
      guard next & 0x8000_00FF == UInt32(label) else { continue }
      let own = Int(next >> 8 & 1)
      most = max(most, own + (try visit(child, depth: depth + 1)))
    }
    guard most <= Self.valueLimit else {
      throw Damage(found: "more than \(Self.valueLimit) keys that begin each other")
    }
    deepest[index] = most
    return most
  }
}
