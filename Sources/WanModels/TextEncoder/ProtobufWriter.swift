/// Bytes of a protocol buffer message, written field by field.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  /// A field of wire type 0: integers, booleans and enumerations.
  mutating func write(_ value: UInt64, field: Int) {
    writeKey(field, wireType: 0)
    writeVariable(value)
  }

  /// A field of wire type 5.
  mutating func write(_ value: Float, field: Int) {
    writeKey(field, wireType: 5)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// A field of wire type 2: texts, bytes and messages.
  mutating func write(_ value: some Collection<UInt8>, field: Int) {
    writeKey(field, wireType: 2)
    writeVariable(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  private mutating func writeKey(_ field: Int, wireType: UInt64) {
    writeVariable(UInt64(field) << 3 | wireType)
  }

  /// Seven bits a byte, the lowest first.
  private mutating func writeVariable(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
