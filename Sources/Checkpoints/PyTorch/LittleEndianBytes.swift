/// Little-endian integers at checked places of a file's bytes.
///
/// The bytes belong to a mapped file, which its user keeps alive.
struct LittleEndianBytes {
  let bytes: UnsafeRawBufferPointer

  var count: Int { bytes.count }

  /// The integer that starts at a place, or nil where it would leave the bytes.
  func integer<Word: FixedWidthInteger>(_ type: Word.Type, at place: Int) -> Word? {
    guard place >= 0, place <= bytes.count, bytes.count - place >= MemoryLayout<Word>.size else {
      return nil
    }
    return Word(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: Word.self))
  }

  /// A range of the bytes, or nil where it would leave them.
  func range(at place: Int, count length: Int) -> UnsafeRawBufferPointer? {
    guard place >= 0, length >= 0, place <= bytes.count, bytes.count - place >= length else {
      return nil
    }
    return UnsafeRawBufferPointer(rebasing: bytes[place..<(place + length)])
  }
}
