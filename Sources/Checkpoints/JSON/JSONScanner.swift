/// What a JSON text breaks, and where.
struct JSONFault: Error {
  let expected: String
  let found: String
}

/// A strict reader of JSON text that someone else wrote: one pass, no tree, no recursion, and a
/// bound on the length of every string, so that time is linear in the text and memory is the
/// caller's to bound.
///
/// Refused besides what RFC 8259 refuses: invalid UTF-8, lone surrogates, text after the value.
/// Duplicate keys are for the caller to see, who knows what it kept.
struct JSONScanner {
  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  /// Called with the position from time to time, for callers that give pages back.
  private let progress: (Int) -> Void

  private static let progressStep = 1 << 20
  private var nextProgress = Self.progressStep

  /// More digits than 2^63 has, for a number that begins with zeros without end.
  private static let digitLimit = 20

  /// Containers that `skipValue` follows into each other.
  private static let depthLimit = 64

  init(_ bytes: UnsafeRawBufferPointer, progress: @escaping (Int) -> Void = { _ in }) {
    self.bytes = bytes
    self.progress = progress
  }

  // MARK: Structure

  /// Reads an object; `member` is handed each key and must read its value.
  mutating func object(
    keyLimit: Int, _ member: (inout JSONScanner, String) throws -> Void
  ) throws {
    try expect(UInt8(ascii: "{"), "an object")
    if takes(UInt8(ascii: "}")) { return }
    repeat {
      skipSpace()
      let key = try string(limit: keyLimit)
      try expect(UInt8(ascii: ":"), "':' after a key")
      try member(&self, key)
    } while takes(UInt8(ascii: ","))
    try expect(UInt8(ascii: "}"), "',' or '}' after a member")
  }

  /// Reads an array; `element` must read one element.
  mutating func array(_ element: (inout JSONScanner) throws -> Void) throws {
    try expect(UInt8(ascii: "["), "an array")
    if takes(UInt8(ascii: "]")) { return }
    repeat { try element(&self) } while takes(UInt8(ascii: ","))
    try expect(UInt8(ascii: "]"), "',' or ']' after an element")
  }

  /// Whether the next value is an object.
  var isAtObject: Bool {
    var ahead = self
    ahead.skipSpace()
    return ahead.peek == UInt8(ascii: "{")
  }

  /// Makes sure that only white space is left.
  mutating func end() throws {
    skipSpace()
    if position < bytes.count { throw fault("the end of the JSON text") }
  }

  // MARK: Values

  /// Reads an integer in 0 ... Int.max, written without sign, fraction or exponent.
  mutating func unsignedInteger() throws -> Int {
    skipSpace()
    let start = position
    var value = 0
    while let digit = peek, digit &- UInt8(ascii: "0") < 10 {
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int(digit &- UInt8(ascii: "0")))
      guard !overflow, !carry, position - start < Self.digitLimit else {
        throw JSONFault(
          expected: "a number below 2^63 at byte \(start)", found: "a longer one")
      }
      value = sum
      position += 1
    }
    guard position > start else { throw fault("a whole number that is not negative") }
    guard position - start == 1 || bytes[start] != UInt8(ascii: "0") else {
      throw JSONFault(
        expected: "a number at byte \(start)", found: "one that starts with a zero")
    }
    if let next = peek, next == UInt8(ascii: ".") || next | 0x20 == UInt8(ascii: "e") {
      throw fault("a whole number")
    }
    return value
  }

  /// Reads a string of at most `limit` bytes as they stand in the text.
  mutating func string(limit: Int) throws -> String {
    try expect(UInt8(ascii: "\""), "a string")
    let start = position
    var hasEscape = false
    while true {
      guard let byte = peek else { throw fault("'\"' at the end of a string") }
      if byte == UInt8(ascii: "\"") { break }
      guard byte >= 0x20 else { throw fault("a string without control characters") }
      guard position - start < limit else {
        throw JSONFault(
          expected: "a string of at most \(limit) bytes at byte \(start)", found: "a longer one")
      }
      if byte == UInt8(ascii: "\\") {
        hasEscape = true
        position += 1
      }
      position += 1
    }
    let raw = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    position += 1
    return hasEscape ? try unescaped(raw, at: start) : try decoded(raw, at: start)
  }

  /// Reads over any value.
  mutating func skipValue() throws {
    var closers: [UInt8] = []
    repeat {
      skipSpace()
      try skipScalarOrOpen(&closers)
      try closeContainers(&closers)
    } while !closers.isEmpty
  }

  // MARK: Pieces of skipValue

  /// After this either a scalar has been read, or a container with an element to come is open.
  private mutating func skipScalarOrOpen(_ closers: inout [UInt8]) throws {
    switch peek {
    case UInt8(ascii: "\""): _ = try string(limit: .max)
    case UInt8(ascii: "{"), UInt8(ascii: "["): try open(&closers)
    case UInt8(ascii: "t"): try word("true")
    case UInt8(ascii: "f"): try word("false")
    case UInt8(ascii: "n"): try word("null")
    default: try skipNumber()
    }
  }

  private mutating func open(_ closers: inout [UInt8]) throws {
    while let byte = peek, byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
      guard closers.count < Self.depthLimit else {
        throw JSONFault(
          expected: "at most \(Self.depthLimit) nested values", found: "more at byte \(position)")
      }
      position += 1
      closers.append(byte + 2)  // '}' and ']' stand two places after '{' and '['
      skipSpace()
      if peek == closers.last { return }  // empty: closeContainers reads the rest
      if byte == UInt8(ascii: "{") { try skipKey() }
    }
    try skipScalarOrOpen(&closers)
  }

  /// Reads what may follow a value: the ends of containers, or a comma and the next key.
  private mutating func closeContainers(_ closers: inout [UInt8]) throws {
    while let closer = closers.last {
      skipSpace()
      if peek == closer {
        position += 1
        closers.removeLast()
      } else {
        try expect(UInt8(ascii: ","), "',' or the end of a container")
        if closer == UInt8(ascii: "}") { try skipKey() }
        return
      }
    }
  }

  private mutating func skipKey() throws {
    _ = try string(limit: .max)
    try expect(UInt8(ascii: ":"), "':' after a key")
    skipSpace()
  }

  private mutating func word(_ word: StaticString) throws {
    for index in 0..<word.utf8CodeUnitCount {
      guard peek == word.utf8Start[index] else { throw fault("'\(word)'") }
      position += 1
    }
  }

  private mutating func skipNumber() throws {
    if peek == UInt8(ascii: "-") { position += 1 }
    let zero = peek == UInt8(ascii: "0")
    let digits = try skipDigits()
    if zero && digits > 1 { throw fault("a number without leading zeros") }
    if peek == UInt8(ascii: ".") {
      position += 1
      _ = try skipDigits()
    }
    if let byte = peek, byte | 0x20 == UInt8(ascii: "e") {
      position += 1
      if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
      _ = try skipDigits()
    }
  }

  private mutating func skipDigits() throws -> Int {
    let start = position
    while let byte = peek, byte &- UInt8(ascii: "0") < 10 { position += 1 }
    guard position > start else { throw fault("a value") }
    return position - start
  }

  // MARK: Characters

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
      position += 1
      if position >= nextProgress { reportProgress() }
    }
    if position >= nextProgress { reportProgress() }
  }

  private mutating func reportProgress() {
    nextProgress = position + Self.progressStep
    progress(position)
  }

  private mutating func takes(_ byte: UInt8) -> Bool {
    skipSpace()
    guard peek == byte else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ byte: UInt8, _ what: String) throws {
    skipSpace()
    guard peek == byte else { throw fault(what) }
    position += 1
  }

  private func fault(_ expected: String) -> JSONFault {
    let found =
      peek.map { byte in
        (0x21...0x7e).contains(byte)
          ? "'\(Character(UnicodeScalar(byte)))'" : "byte 0x" + String(byte, radix: 16)
      } ?? "the end"
    return JSONFault(expected: expected, found: "\(found) at byte \(position) of the JSON text")
  }

  // MARK: Text

  private func decoded(_ raw: UnsafeRawBufferPointer, at start: Int) throws -> String {
    guard let text = String(validating: raw, as: UTF8.self) else {
      throw JSONFault(
        expected: "UTF-8 text", found: "bytes that are not, in the string at byte \(start)")
    }
    return text
  }

  private func unescaped(_ raw: UnsafeRawBufferPointer, at start: Int) throws -> String {
    let bad = JSONFault(
      expected: "a valid escape", found: "another in the string at byte \(start)")
    var result: [UInt8] = []
    result.reserveCapacity(raw.count)
    var index = 0
    while index < raw.count {
      let byte = raw[index]
      index += 1
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        continue
      }
      guard index < raw.count else { throw bad }
      let letter = raw[index]
      index += 1
      if letter == UInt8(ascii: "u") {
        guard let scalar = Self.unicodeEscape(raw, &index) else { throw bad }
        result.append(contentsOf: Array(String(Character(scalar)).utf8))
      } else {
        guard let plain = Self.escapes[letter] else { throw bad }
        result.append(plain)
      }
    }
    return try result.withUnsafeBytes { try decoded($0, at: start) }
  }

  private static let escapes: [UInt8: UInt8] = [
    UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "\\"): UInt8(ascii: "\\"),
    UInt8(ascii: "/"): UInt8(ascii: "/"), UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0c,
    UInt8(ascii: "n"): 0x0a, UInt8(ascii: "r"): 0x0d, UInt8(ascii: "t"): 0x09,
  ]

  /// The scalar of `\uXXXX`, or of a pair of them, with `index` after the 'u'; nil where it is no
  /// scalar.
  private static func unicodeEscape(
    _ raw: UnsafeRawBufferPointer, _ index: inout Int
  ) -> UnicodeScalar? {
    guard let first = hexadecimal(raw, &index) else { return nil }
    guard (0xd800..<0xdc00).contains(first) else { return UnicodeScalar(first) }
    guard index + 1 < raw.count, raw[index] == UInt8(ascii: "\\"),
      raw[index + 1] == UInt8(ascii: "u")
    else { return nil }
    index += 2
    guard let second = hexadecimal(raw, &index), (0xdc00..<0xe000).contains(second) else {
      return nil
    }
    return UnicodeScalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
  }

  private static func hexadecimal(_ raw: UnsafeRawBufferPointer, _ index: inout Int) -> UInt32? {
    guard index + 4 <= raw.count else { return nil }
    var value: UInt32 = 0
    for byte in raw[index..<(index + 4)] {
      guard let digit = Character(UnicodeScalar(byte)).hexDigitValue else { return nil }
      value = value << 4 | UInt32(digit)
    }
    index += 4
    return value
  }
}
