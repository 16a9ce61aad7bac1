import TestSupport

/// Ways to damage a safetensors file or the index of a sharded checkpoint.
struct SafetensorsMutations {
  private let sound: [[UInt8]]
  private let index: [UInt8]
  private var random: SeededGenerator

  init(sound: [[UInt8]], index: [UInt8], seed: UInt64) {
    self.sound = sound
    self.index = index
    random = SeededGenerator(seed: seed)
  }

  // MARK: Files

  /// The next damaged safetensors file.
  mutating func nextFile() -> [UInt8] {
    let file = sound.randomElement(using: &random)!
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return flipped(file)
    case 1: return resized(file)
    case 2: return withHeaderLength(file, anyNumber())
    case 3:
      let cut = Int.random(in: 0...file.count, using: &random)
      let other = sound.randomElement(using: &random)!
      return Array(file.prefix(cut)) + other.suffix(Int.random(in: 0...other.count, using: &random))
    default:
      // A damaged text with the length that belongs to it, so that the damage is reached.
      let (header, data) = Self.parts(file)
      let text = damaged(header)
      return Self.joined(text, data)
    }
  }

  /// The next damaged index.
  mutating func nextIndex() -> [UInt8] {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: return flipped(index)
    case 1: return resized(index)
    case 2: return replacedString(index, with: traversals.randomElement(using: &random)!)
    default: return damaged(index)
    }
  }

  private let traversals = [
    "../a.safetensors", "/etc/passwd", "..", "", ".", "a/../b", "sharded.safetensors.index.json",
    "sharded-00001-of-00002.safetensors\\u0000", "no such file.safetensors", "\\ud800", "\\",
  ]

  private static func parts(_ file: [UInt8]) -> (header: [UInt8], data: [UInt8]) {
    let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    return (Array(file[8..<(8 + length)]), Array(file[(8 + length)...]))
  }

  private static func joined(_ header: [UInt8], _ data: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.count).littleEndian, Array.init) + header + data
  }

  private func withHeaderLength(_ file: [UInt8], _ length: UInt64) -> [UInt8] {
    withUnsafeBytes(of: length.littleEndian, Array.init) + file.dropFirst(8)
  }

  // MARK: Bytes

  private mutating func flipped(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    }
    return bytes
  }

  private mutating func resized(_ bytes: [UInt8]) -> [UInt8] {
    Bool.random(using: &random)
      ? Array(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random)))
      : bytes + [UInt8](repeating: 0, count: Int.random(in: 1...100, using: &random))
  }

  /// Numbers at which readers go wrong.
  private mutating func anyNumber() -> UInt64 {
    let edges: [UInt64] = [
      0, 1, 2, 7, 8, 0xff, 0xffff, 100_000_000, 100_000_001, 0x7fff_ffff, 0xffff_ffff,
      0x1_0000_0000, 0x7fff_ffff_ffff_fff8, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, .max - 7,
      .max,
    ]
    return edges.randomElement(using: &random)!
  }

  // MARK: JSON text

  private mutating func damaged(_ text: [UInt8]) -> [UInt8] {
    var text = text
    for _ in 0..<Int.random(in: 1...3, using: &random) where !text.isEmpty {
      switch Int.random(in: 0..<10, using: &random) {
      case 0: text = swappedNumbers(text)
      case 1, 2: text = replacedNumber(text)
      case 3: text = repeatedMember(text)
      case 4: text = nested(text)
      case 5:  // bytes that are no UTF-8, control characters, structure in the wrong place
        let place = Int.random(in: 0..<text.count, using: &random)
        text[place] = [0xff, 0xc0, 0x80, 0xed, 0xf5, 0, 0x1f, 0x7b, 0x7d, 0x5b, 0x5d, 0x22, 0x5c]
          .randomElement(using: &random)!
      case 6:
        let names = [
          "", "__metadata__", "F32", "BF16", "C64", "dtype", "\\u00e9", "\\udc00", "\\q",
          String(repeating: "n", count: 2000),
        ]
        text = replacedString(text, with: names.randomElement(using: &random)!)
      case 7: text = flipped(text)
      case 8: text = cut(text)
      default:
        let space = [UInt8](repeating: 0x20, count: Int.random(in: 1...5000, using: &random))
        text.insert(contentsOf: space, at: Int.random(in: 0...text.count, using: &random))
      }
    }
    return text
  }

  /// Places of runs of digits.
  private func numbers(_ text: [UInt8]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var start: Int?
    for (place, byte) in (text + [0]).enumerated() {
      if byte &- 0x30 < 10 {
        start = start ?? place
      } else if let begin = start {
        runs.append(begin..<place)
        start = nil
      }
    }
    return runs
  }

  private mutating func swappedNumbers(_ text: [UInt8]) -> [UInt8] {
    let places = numbers(text)
    guard let first = places.randomElement(using: &random),
      let second = places.randomElement(using: &random), first.upperBound <= second.lowerBound
    else { return text }
    let swapped = Self.replacing(text, second, with: Array(text[first]))
    return Self.replacing(swapped, first, with: Array(text[second]))
  }

  private static func replacing(
    _ text: [UInt8], _ range: Range<Int>, with new: [UInt8]
  ) -> [UInt8] {
    var text = text
    text.replaceSubrange(range, with: new)
    return text
  }

  private mutating func replacedNumber(_ text: [UInt8]) -> [UInt8] {
    guard let place = numbers(text).randomElement(using: &random) else { return text }
    let forms = ["\(anyNumber())", "-1", "1.5", "1e3", "007", "99999999999999999999999", "null"]
    return Self.replacing(text, place, with: Array(forms.randomElement(using: &random)!.utf8))
  }

  /// Places of the contents of strings.
  private func strings(_ text: [UInt8]) -> [Range<Int>] {
    let quotes = text.indices.filter { text[$0] == 0x22 }
    guard quotes.count > 1 else { return [] }
    return stride(from: 0, to: quotes.count - 1, by: 2).map { (quotes[$0] + 1)..<quotes[$0 + 1] }
  }

  private mutating func replacedString(_ text: [UInt8], with new: String) -> [UInt8] {
    guard let place = strings(text).randomElement(using: &random) else { return text }
    return Self.replacing(text, place, with: Array(new.utf8))
  }

  /// A piece between two commas once more.
  private mutating func repeatedMember(_ text: [UInt8]) -> [UInt8] {
    let commas = text.indices.filter { text[$0] == 0x2c }
    guard let first = commas.randomElement(using: &random),
      let second = commas.first(where: { $0 > first + 40 })
    else { return text }
    return Self.replacing(text, second..<second, with: Array(text[first..<second]))
  }

  private mutating func nested(_ text: [UInt8]) -> [UInt8] {
    guard let place = numbers(text).randomElement(using: &random) else { return text }
    let depth = [2, 63, 64, 65, 1000, 100_000].randomElement(using: &random)!
    let closing = Bool.random(using: &random) ? depth : 0
    return Self.replacing(
      text, place,
      with: Array(repeating: 0x5b, count: depth) + Array(repeating: 0x5d, count: closing))
  }

  private mutating func cut(_ text: [UInt8]) -> [UInt8] {
    let start = Int.random(in: 0..<text.count, using: &random)
    let end = min(text.count, start + Int.random(in: 1...60, using: &random))
    return Self.replacing(text, start..<end, with: [])
  }
}
