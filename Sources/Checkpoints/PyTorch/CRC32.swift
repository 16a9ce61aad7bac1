/// The checksum of ZIP archives (ISO 3309, reflected polynomial 0xEDB88320), built up piece by
/// piece.
package struct CRC32: Sendable {
  private var state: UInt32 = 0xFFFF_FFFF

  package init() {}

  /// Checksum of the bytes so far.
  package var value: UInt32 { ~state }

  package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var checksum = CRC32()
    checksum.update(bytes)
    return checksum.value
  }

  /// Adds bytes, eight at a time: table `k` holds each byte's remainder after `k` further bytes.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var crc = state
    Self.tables.withUnsafeBufferPointer { table in
      var place = 0
      while place + 8 <= bytes.count {
        let word = UInt64(
          littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
        let mixed = word ^ UInt64(crc)
        crc = 0
        for lane in 0..<8 {
          crc ^= table[(7 - lane) << 8 | Int(truncatingIfNeeded: mixed >> (8 * lane)) & 0xFF]
        }
        place += 8
      }
      while place < bytes.count {
        crc = table[Int(truncatingIfNeeded: crc ^ UInt32(bytes[place])) & 0xFF] ^ (crc >> 8)
        place += 1
      }
    }
    state = crc
  }

  /// Eight tables of 256 remainders, one after another.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var remainder = UInt32(byte)
      for _ in 0..<8 {
        remainder = remainder & 1 == 0 ? remainder >> 1 : (remainder >> 1) ^ 0xEDB8_8320
      }
      tables[byte] = remainder
    }
    for place in 256..<tables.count {
      let shorter = tables[place - 256]
      tables[place] = tables[Int(shorter & 0xFF)] ^ (shorter >> 8)
    }
    return tables
  }()
}
