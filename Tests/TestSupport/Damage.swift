import Foundation

/// Damage to files as disks, networks and people do it, reproducible from a seed.
package enum Damage {
  /// How many damaged copies of a file a test tries: `FLASHPORTRAIT_DAMAGED`, or the usual number.
  package static func count(usual: Int) -> Int {
    ProcessInfo.processInfo.environment["FLASHPORTRAIT_DAMAGED"].flatMap { Int($0) } ?? usual
  }

  /// A file's bytes with one to four kinds of damage: bits flipped, bytes replaced, an end cut off,
  /// a range zeroed, removed, doubled or copied elsewhere, or a field of 2, 4 or 8 bytes set to an
  /// extreme, as lengths and counts are.
  ///
  /// - Parameters:
  ///   - bytes: a whole file, not empty.
  ///   - seed: the same seed gives the same damage.
  package static func damaged(_ bytes: [UInt8], seed: UInt64) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    var result = bytes
    // Half of the files are damaged in one way only: their readers get further.
    let count = Bool.random(using: &generator) ? 1 : Int.random(in: 2...4, using: &generator)
    for _ in 0..<count where !result.isEmpty { damage(&result, &generator) }
    return result
  }

  private static func damage(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    switch Int.random(in: 0..<10, using: &generator) {
    case 0: bytes.removeLast(bytes.count - Int.random(in: 0..<bytes.count, using: &generator))
    case 1: zero(&bytes, &generator)
    case 2: splice(&bytes, &generator)
    case 3: bytes.removeSubrange(range(in: bytes, &generator))
    case 4: double(&bytes, &generator)
    case 5, 6, 7: setField(&bytes, &generator)
    case 8: replace(&bytes, &generator)
    default: flip(&bytes, &generator)
    }
  }

  /// A place in the file; half of them near its start, where headers are.
  private static func place(in bytes: [UInt8], _ generator: inout SeededGenerator) -> Int {
    let end = Bool.random(using: &generator) ? min(bytes.count, 512) : bytes.count
    return Int.random(in: 0..<end, using: &generator)
  }

  private static func range(in bytes: [UInt8], _ generator: inout SeededGenerator) -> Range<Int> {
    let start = place(in: bytes, &generator)
    let length = 1 << Int.random(in: 0...10, using: &generator)
    return start..<min(start + length, bytes.count)
  }

  private static func zero(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    for index in range(in: bytes, &generator) { bytes[index] = 0 }
  }

  private static func splice(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    let source = bytes[range(in: bytes, &generator)]
    let target = place(in: bytes, &generator)
    bytes.replaceSubrange(target..<min(target + source.count, bytes.count), with: source)
  }

  private static func double(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    let range = range(in: bytes, &generator)
    bytes.insert(contentsOf: bytes[range], at: range.upperBound)
  }

  private static func replace(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    for _ in 0..<Int.random(in: 1...8, using: &generator) {
      bytes[place(in: bytes, &generator)] = UInt8.random(in: 0...255, using: &generator)
    }
  }

  private static func flip(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    for _ in 0..<Int.random(in: 1...16, using: &generator) {
      bytes[place(in: bytes, &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    }
  }

  /// Lengths, counts, offsets and sizes, in either byte order.
  private static func setField(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    let values: [UInt64] = [
      0, 1, 2, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
      0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, .max, UInt64(bytes.count),
      UInt64.random(in: 0...UInt64(UInt32.max), using: &generator),
    ]
    let value = values[Int.random(in: 0..<values.count, using: &generator)]
    let width = [2, 4, 4, 8][Int.random(in: 0..<4, using: &generator)]
    let isBigEndian = Bool.random(using: &generator)
    let start = place(in: bytes, &generator)
    for index in 0..<width where start + index < bytes.count {
      let shift = UInt64(8 * (isBigEndian ? width - 1 - index : index))
      bytes[start + index] = UInt8(truncatingIfNeeded: value >> shift)
    }
  }
}
