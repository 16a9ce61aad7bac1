/// The orientation that a picture's EXIF data ask for.
enum EXIFOrientation {
  private static let tag = 0x112
  private static let header = Array("Exif\0\0".utf8)

  /// Of EXIF data: a TIFF file, perhaps behind "Exif" and two zeros. Damaged data ask for nothing.
  static func inside(_ bytes: some Collection<UInt8>) -> Orientation {
    var bytes = Array(bytes)
    if bytes.starts(with: header) { bytes.removeFirst(header.count) }
    let isBigEndian = bytes.starts(with: "MM\0*".utf8)
    guard isBigEndian || bytes.starts(with: "II*\0".utf8) else { return .upright }
    func number(_ offset: Int, _ count: Int) -> Int? {
      guard offset >= 0, offset <= bytes.count - count else { return nil }
      let field = bytes[offset..<offset + count]
      return (isBigEndian ? Array(field) : field.reversed()).reduce(0) { $0 << 8 | Int($1) }
    }
    guard let directory = number(4, 4), let entries = number(directory, 2) else { return .upright }
    for entry in 0..<entries {
      let place = directory + 2 + entry * 12
      guard let name = number(place, 2) else { break }
      if name == tag, let value = number(place + 8, 2) {
        return Orientation(rawValue: value) ?? .upright
      }
    }
    return .upright
  }

  /// Of a JPEG file: the first EXIF segment before the pixels.
  static func ofJPEG(_ bytes: [UInt8]) -> Orientation {
    var place = 2
    while place + 4 <= bytes.count, bytes[place] == 0xff {
      let marker = bytes[place + 1]
      if marker == 0xff {  // fill
        place += 1
        continue
      }
      // The start of the pixels, or the end.
      if marker == 0xda || marker == 0xd9 { break }
      let length = Int(bytes[place + 2]) << 8 | Int(bytes[place + 3])
      let segment = bytes[place + 4..<min(max(place + 2 + length, place + 4), bytes.count)]
      if marker == 0xe1, segment.starts(with: header) { return inside(segment) }
      place += 2 + max(length, 2)
    }
    return .upright
  }

  /// Of a WebP file: its EXIF chunk.
  static func ofWebP(_ bytes: [UInt8]) -> Orientation {
    var place = 12
    while place + 8 <= bytes.count {
      let length = bytes[place + 4..<place + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
      let end = min(place + 8 + length, bytes.count)
      if bytes[place..<place + 4].elementsEqual("EXIF".utf8) {
        return inside(bytes[place + 8..<end])
      }
      place += 8 + length + length % 2
    }
    return .upright
  }
}
