/// The places and headers of a ZIP archive of stored entries to be written, whose data all begin at
/// multiples of 64 as `torch.save` has it; in zip64 format where sizes or offsets need it.
package struct ZipLayout {
  /// A file of the archive.
  package struct Entry {
    package let name: String
    package let byteCount: Int

    /// Where the data go.
    package fileprivate(set) var offset = 0

    /// CRC-32 of the data, to be set before the headers are made.
    package var checksum: UInt32 = 0

    fileprivate var headerOffset = 0

    package init(name: String, byteCount: Int) {
      self.name = name
      self.byteCount = byteCount
    }
  }

  package var entries: [Entry]

  /// Bytes of the whole archive.
  package let byteCount: Int

  private let directoryOffset: Int

  private static let alignment = 64
  private static let localHeaderSize = 30

  /// Id of the extra field that fills the space before the data; the one PyTorch uses.
  private static let paddingField: UInt16 = 0x4246

  /// Names are UTF-8.
  private static let flags: UInt16 = 1 << 11

  package init(_ entries: [Entry]) {
    self.entries = entries
    var end = 0
    for index in entries.indices {
      self.entries[index].headerOffset = end
      let least =
        end + Self.localHeaderSize + entries[index].name.utf8.count
        + Self.wideField(entries[index], local: true).count + 4
      let data = (least + Self.alignment - 1) / Self.alignment * Self.alignment
      self.entries[index].offset = data
      end = data + entries[index].byteCount
    }
    directoryOffset = end
    let placed = self.entries
    let directory = placed.reduce(0) { $0 + Self.directoryRecord($1).count }
    byteCount =
      end + directory
      + Self.endRecords(count: placed.count, offset: end, byteCount: directory).count
  }

  /// An entry's local header with its padding, and where it goes.
  package func localHeader(_ index: Int) -> (bytes: [UInt8], offset: Int) {
    let entry = entries[index]
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt32(0x0403_4B50))
    Self.appendCommon(
      entry, to: &bytes,
      extraCount: entry.offset - entry.headerOffset
        - Self.localHeaderSize - entry.name.utf8.count)
    bytes += Array(entry.name.utf8)
    bytes += Self.wideField(entry, local: true)
    let padding = entry.offset - entry.headerOffset - bytes.count
    bytes.append(littleEndian: Self.paddingField)
    bytes.append(littleEndian: UInt16(padding - 4))
    bytes += [UInt8](repeating: UInt8(ascii: "Z"), count: padding - 4)
    return (bytes, entry.headerOffset)
  }

  /// The central directory and the end records, and where they go.
  package func directory() -> (bytes: [UInt8], offset: Int) {
    var bytes: [UInt8] = []
    for entry in entries { bytes += Self.directoryRecord(entry) }
    bytes += Self.endRecords(
      count: entries.count, offset: directoryOffset, byteCount: bytes.count)
    return (bytes, directoryOffset)
  }

  // MARK: Records (APPNOTE 4.3)

  private static func narrow(_ value: Int) -> UInt32 { UInt32(exactly: value) ?? .max }

  /// Version needed, flags, method, time, date, checksum, sizes and the counts of name and extra
  /// bytes: the fields that both kinds of header have.
  private static func appendCommon(_ entry: Entry, to bytes: inout [UInt8], extraCount: Int) {
    let isWide = narrow(entry.byteCount) == .max || narrow(entry.headerOffset) == .max
    bytes.append(littleEndian: UInt16(isWide ? 45 : 20))
    bytes.append(littleEndian: flags)
    bytes.append(littleEndian: UInt16(0))
    bytes.append(littleEndian: UInt16(0))
    // The first day that the format can tell.
    bytes.append(littleEndian: UInt16(0x21))
    bytes.append(littleEndian: entry.checksum)
    bytes.append(littleEndian: narrow(entry.byteCount))
    bytes.append(littleEndian: narrow(entry.byteCount))
    bytes.append(littleEndian: UInt16(entry.name.utf8.count))
    bytes.append(littleEndian: UInt16(extraCount))
  }

  /// The zip64 extra field with the values that need it; empty where none does.
  private static func wideField(_ entry: Entry, local: Bool) -> [UInt8] {
    var values: [Int] = []
    if narrow(entry.byteCount) == .max { values += [entry.byteCount, entry.byteCount] }
    if !local, narrow(entry.headerOffset) == .max { values.append(entry.headerOffset) }
    guard !values.isEmpty else { return [] }
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt16(1))
    bytes.append(littleEndian: UInt16(8 * values.count))
    for value in values { bytes.append(littleEndian: UInt64(value)) }
    return bytes
  }

  private static func directoryRecord(_ entry: Entry) -> [UInt8] {
    let wide = wideField(entry, local: false)
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt32(0x0201_4B50))
    bytes.append(littleEndian: UInt16(45))
    appendCommon(entry, to: &bytes, extraCount: wide.count)
    // No comment, part 0, no attributes.
    bytes += [UInt8](repeating: 0, count: 10)
    bytes.append(littleEndian: narrow(entry.headerOffset))
    bytes += Array(entry.name.utf8)
    bytes += wide
    return bytes
  }

  private static func endRecords(count: Int, offset: Int, byteCount: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    let shortCount = UInt16(exactly: count) ?? .max
    if shortCount == .max || narrow(offset) == .max || narrow(byteCount) == .max {
      bytes.append(littleEndian: UInt32(0x0606_4B50))
      bytes.append(littleEndian: UInt64(44))
      bytes.append(littleEndian: UInt16(45))
      bytes.append(littleEndian: UInt16(45))
      bytes.append(littleEndian: UInt64(0))
      for value in [count, count, byteCount, offset] {
        bytes.append(littleEndian: UInt64(value))
      }
      bytes.append(littleEndian: UInt32(0x0706_4B50))
      bytes.append(littleEndian: UInt32(0))
      bytes.append(littleEndian: UInt64(offset + byteCount))
      bytes.append(littleEndian: UInt32(1))
    }
    bytes.append(littleEndian: UInt32(0x0605_4B50))
    bytes.append(littleEndian: UInt32(0))
    bytes.append(littleEndian: shortCount)
    bytes.append(littleEndian: shortCount)
    bytes.append(littleEndian: narrow(byteCount))
    bytes.append(littleEndian: narrow(offset))
    bytes.append(littleEndian: UInt16(0))
    return bytes
  }
}
