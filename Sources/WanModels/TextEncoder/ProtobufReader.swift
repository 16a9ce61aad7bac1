/// The fields of a protocol buffer message, one after the other; nothing outside its bytes is read.
struct ProtobufReader {
  /// A field's number and what it holds.
  struct Field {
    let number: Int
    let value: Value
  }

  /// Wire types 0, 1, 2 and 5.
  enum Value {
    case integer(UInt64)
    case wide(UInt64)
    case bytes(UnsafeRawBufferPointer)
    case narrow(UInt32)
  }

  /// Why reading stopped: the bytes are no message.
  struct Damage: Error {
    /// What stands in the place, in words.
    let found: String
    /// Bytes from the beginning of the message.
    let place: Int
  }

  private let message: UnsafeRawBufferPointer
  private var place = 0

  /// - Parameter message: bytes that its owner keeps alive.
  init(_ message: UnsafeRawBufferPointer) { self.message = message }

  /// The next field, nil at the end.
  ///
  /// - Throws: `Damage`.
  mutating func next() throws(Damage) -> Field? {
    if place == message.count { return nil }
    let start = place
    let key = try variable()
    guard key >> 3 >= 1, key >> 3 < 1 << 29 else {
      throw Damage(found: "field number \(key >> 3)", place: start)
    }
    let number = Int(key >> 3)
    switch key & 7 {
    case 0: return Field(number: number, value: .integer(try variable()))
    case 1: return Field(number: number, value: .wide(try fixed(UInt64.self)))
    case 2:
      let length = try variable()
      guard length <= UInt64(message.count - place) else {
        throw Damage(found: "a field of \(length) bytes that ends past the message", place: start)
      }
      let bytes = UnsafeRawBufferPointer(rebasing: message[place..<place + Int(length)])
      place += Int(length)
      return Field(number: number, value: .bytes(bytes))
    case 5: return Field(number: number, value: .narrow(try fixed(UInt32.self)))
    default: throw Damage(found: "wire type \(key & 7)", place: start)
    }
  }

  private mutating func fixed<Word: FixedWidthInteger>(_: Word.Type) throws(Damage) -> Word {
    let size = MemoryLayout<Word>.size
    guard message.count - place >= size else {
      throw Damage(found: "the end of the message inside a number", place: place)
    }
    defer { place += size }
    return Word(littleEndian: message.loadUnaligned(fromByteOffset: place, as: Word.self))
  }

  private mutating func variable() throws(Damage) -> UInt64 {
    let start = place
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard place < message.count else {
        throw Damage(found: "the end of the message inside a number", place: place)
      }
      let byte = message[place]
      place += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
    }
    throw Damage(found: "a number of more than 64 bits", place: start)
  }
}
