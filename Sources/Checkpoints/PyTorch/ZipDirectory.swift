import TensorCore

/// The central directory of a ZIP archive: its place and its records (APPNOTE 4.3.12 to 4.3.16).
struct ZipDirectory {
  /// Where the directory starts in the file; all data lies before.
  let offset: Int

  /// Bits that mark encrypted data or headers.
  static let encryptionFlags: UInt16 = 1 | 1 << 6 | 1 << 13

  private let file: MappedFile
  private let bytes: LittleEndianBytes
  private let byteCount: Int
  private let count: Int

  /// Finds the directory through the records at the file's end.
  ///
  /// - Throws: `CheckpointError.malformed`, `.unsupported`.
  init(_ file: MappedFile) throws {
    self.file = file
    bytes = LittleEndianBytes(
      bytes: UnsafeRawBufferPointer(start: file.base, count: file.byteCount))
    let place = try ZipEndRecord(bytes, path: file.path)
    offset = place.directoryOffset
    byteCount = place.directoryByteCount
    count = place.entryCount
  }

  /// All files of the archive; folders are left out.
  func entries() throws -> [ZipArchive.Entry] {
    guard count <= ZipArchive.largestEntryCount else {
      throw CheckpointError.unsupported(
        path: file.path, tensor: nil, found: "an archive of \(count) entries",
        advice: "a checkpoint has at most \(ZipArchive.largestEntryCount)")
    }
    var result: [ZipArchive.Entry] = []
    result.reserveCapacity(count)
    var place = offset
    for _ in 0..<count {
      let record = try ZipRecord(bytes, at: place, path: file.path)
      place = record.end
      guard place <= offset + byteCount else { break }
      if !record.isFolder { result.append(try record.entry(before: offset)) }
    }
    guard place == offset + byteCount else {
      throw CheckpointError.malformed(
        path: file.path, tensor: nil,
        expected: "\(count) directory records in \(byteCount) bytes",
        found: "their end at byte \(place - offset)")
    }
    return result
  }
}

/// What the end of central directory record, and the zip64 one where there is one, say.
private struct ZipEndRecord {
  var entryCount: Int
  var directoryByteCount: Int
  var directoryOffset: Int

  private static let signature: UInt32 = 0x0605_4B50
  private static let size = 22
  private static let wideSignature: UInt32 = 0x0606_4B50
  private static let locatorSignature: UInt32 = 0x0706_4B50
  private static let locatorSize = 20

  init(_ bytes: LittleEndianBytes, path: String) throws {
    guard let end = Self.place(in: bytes) else {
      throw CheckpointError.malformed(
        path: path, tensor: nil, expected: "a ZIP directory at the end", found: "none")
    }
    let narrow = (
      disk: bytes.integer(UInt16.self, at: end + 4) ?? 0,
      directoryDisk: bytes.integer(UInt16.self, at: end + 6) ?? 0,
      countHere: bytes.integer(UInt16.self, at: end + 8) ?? 0,
      count: bytes.integer(UInt16.self, at: end + 10) ?? 0,
      size: bytes.integer(UInt32.self, at: end + 12) ?? 0,
      offset: bytes.integer(UInt32.self, at: end + 16) ?? 0
    )
    guard narrow.disk == 0 || narrow.disk == .max, narrow.directoryDisk == narrow.disk,
      narrow.countHere == narrow.count
    else {
      throw CheckpointError.unsupported(
        path: path, tensor: nil, found: "a ZIP archive in several parts",
        advice: "join the parts into one file")
    }
    entryCount = Int(narrow.count)
    directoryByteCount = Int(narrow.size)
    directoryOffset = Int(narrow.offset)
    var directoryEnd = end
    if let wide = try Self.wideRecord(bytes, before: end, path: path) {
      // A narrow field that is not its "see zip64" mark must tell the same.
      guard narrow.count == .max || wide.entryCount == entryCount,
        narrow.size == .max || wide.directoryByteCount == directoryByteCount,
        narrow.offset == .max || wide.directoryOffset == directoryOffset
      else {
        throw CheckpointError.malformed(
          path: path, tensor: nil, expected: "one directory",
          found: "a zip64 end record that differs from the plain one")
      }
      (entryCount, directoryByteCount, directoryOffset, directoryEnd) = wide
    }
    guard directoryOffset <= directoryEnd,
      directoryEnd - directoryOffset == directoryByteCount
    else {
      throw CheckpointError.malformed(
        path: path, tensor: nil,
        expected: "a directory that ends at byte \(directoryEnd)",
        found: "\(directoryByteCount) bytes from byte \(directoryOffset) on")
    }
  }

  /// Where the end record starts: the last place whose comment ends with the file.
  private static func place(in bytes: LittleEndianBytes) -> Int? {
    var place = bytes.count - size
    let first = max(0, place - Int(UInt16.max))
    while place >= first {
      if bytes.integer(UInt32.self, at: place) == signature,
        let comment = bytes.integer(UInt16.self, at: place + 20),
        place + size + Int(comment) == bytes.count
      {
        return place
      }
      place -= 1
    }
    return nil
  }

  /// The zip64 end record's entry count, directory size, directory offset and own place; nil where
  /// the archive has none.
  private static func wideRecord(
    _ bytes: LittleEndianBytes, before end: Int, path: String
  ) throws -> (entryCount: Int, directoryByteCount: Int, directoryOffset: Int, place: Int)? {
    let locator = end - locatorSize
    guard bytes.integer(UInt32.self, at: locator) == locatorSignature else { return nil }
    guard let disks = bytes.integer(UInt32.self, at: locator + 16), disks <= 1,
      let stated = bytes.integer(UInt64.self, at: locator + 8), let place = Int(exactly: stated),
      place <= locator, bytes.integer(UInt32.self, at: place) == wideSignature,
      let tail = bytes.integer(UInt64.self, at: place + 4),
      tail >= 44, tail == UInt64(locator - place) - 12,
      bytes.integer(UInt32.self, at: place + 16) == 0,
      bytes.integer(UInt32.self, at: place + 20) == 0,
      let countHere = bytes.integer(UInt64.self, at: place + 24),
      let count = bytes.integer(UInt64.self, at: place + 32), countHere == count,
      let size = bytes.integer(UInt64.self, at: place + 40),
      let offset = bytes.integer(UInt64.self, at: place + 48),
      let entryCount = Int(exactly: count), let byteCount = Int(exactly: size),
      let start = Int(exactly: offset)
    else {
      throw CheckpointError.malformed(
        path: path, tensor: nil, expected: "a zip64 end record where its locator says",
        found: "none that is whole")
    }
    return (entryCount, byteCount, start, place)
  }
}

/// One record of the central directory.
private struct ZipRecord {
  /// Where the next record starts.
  let end: Int

  private let path: String
  private let name: String
  private let flags: UInt16
  private let method: UInt16
  private let checksum: UInt32
  private let storedCount: UInt64
  private let byteCount: UInt64
  private let headerOffset: UInt64
  private let disk: UInt16

  private static let signature: UInt32 = 0x0201_4B50
  private static let size = 46

  init(_ bytes: LittleEndianBytes, at place: Int, path: String) throws {
    guard bytes.integer(UInt32.self, at: place) == Self.signature,
      let flags = bytes.integer(UInt16.self, at: place + 8),
      let method = bytes.integer(UInt16.self, at: place + 10),
      let checksum = bytes.integer(UInt32.self, at: place + 16),
      let stored = bytes.integer(UInt32.self, at: place + 20),
      let count = bytes.integer(UInt32.self, at: place + 24),
      let nameCount = bytes.integer(UInt16.self, at: place + 28),
      let extraCount = bytes.integer(UInt16.self, at: place + 30),
      let commentCount = bytes.integer(UInt16.self, at: place + 32),
      let disk = bytes.integer(UInt16.self, at: place + 34),
      let header = bytes.integer(UInt32.self, at: place + 42),
      let name = bytes.range(at: place + Self.size, count: Int(nameCount)),
      let extra = bytes.range(at: place + Self.size + Int(nameCount), count: Int(extraCount))
    else {
      throw CheckpointError.malformed(
        path: path, tensor: nil, expected: "a directory record at byte \(place)",
        found: "other bytes")
    }
    end = place + Self.size + Int(nameCount) + Int(extraCount) + Int(commentCount)
    self.path = path
    self.name = try Self.checkedName(name, path: path)
    self.flags = flags
    self.method = method
    self.checksum = checksum
    self.disk = disk
    var wide = ZipWideFields(extra)
    byteCount = try Self.widened(count, &wide, path, self.name)
    storedCount = try Self.widened(stored, &wide, path, self.name)
    headerOffset = try Self.widened(header, &wide, path, self.name)
  }

  /// Folders have names that end in a slash and no data.
  var isFolder: Bool { name.hasSuffix("/") && byteCount == 0 }

  /// The entry, after a check that it lies before the directory.
  func entry(before directory: Int) throws -> ZipArchive.Entry {
    guard flags & ZipDirectory.encryptionFlags == 0 else {
      throw CheckpointError.unsupported(
        path: path, tensor: nil, found: "the encrypted entry '\(name)'",
        advice: "decrypt the archive")
    }
    guard disk == 0 else {
      throw CheckpointError.unsupported(
        path: path, tensor: nil, found: "entry '\(name)' on another part of the archive",
        advice: "join the parts into one file")
    }
    guard method != 0 || storedCount == byteCount, let count = Int(exactly: storedCount),
      let offset = Int(exactly: headerOffset), offset <= directory, count <= directory
    else {
      throw CheckpointError.malformed(
        path: path, tensor: nil,
        expected: "entry '\(name)' to lie before the directory at byte \(directory)",
        found: "\(byteCount) bytes, stored as \(storedCount), from byte \(headerOffset) on")
    }
    return ZipArchive.Entry(
      name: name, byteCount: count, method: method, checksum: checksum, headerOffset: offset,
      limit: directory)
  }

  /// A field's value: the zip64 one where the plain one is its mark.
  private static func widened(
    _ field: UInt32, _ wide: inout ZipWideFields, _ path: String, _ name: String
  ) throws -> UInt64 {
    guard field == .max else { return UInt64(field) }
    guard let value = wide.next() else {
      throw CheckpointError.malformed(
        path: path, tensor: nil, expected: "zip64 sizes of entry '\(name)'", found: "none")
    }
    return value
  }

  /// A name that is UTF-8 and stays inside its archive.
  private static func checkedName(_ bytes: UnsafeRawBufferPointer, path: String) throws -> String {
    guard let name = String(validating: bytes, as: UTF8.self), !name.isEmpty,
      !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x5C || $0 == 0x7F }),
      !name.hasPrefix("/"), !name.split(separator: "/").contains("..")
    else {
      let shown = String(decoding: bytes.prefix(80), as: UTF8.self)
      throw CheckpointError.malformed(
        path: path, tensor: nil, expected: "entry names inside the archive, in UTF-8",
        found: shown.debugDescription)
    }
    return name
  }
}

/// The 64-bit values of an entry's zip64 extra field (id 1), in their order.
private struct ZipWideFields {
  private var bytes: LittleEndianBytes
  private var place = 0

  init(_ extra: UnsafeRawBufferPointer) {
    let fields = LittleEndianBytes(bytes: extra)
    bytes = LittleEndianBytes(bytes: UnsafeRawBufferPointer(start: nil, count: 0))
    var start = 0
    while let id = fields.integer(UInt16.self, at: start),
      let count = fields.integer(UInt16.self, at: start + 2),
      let content = fields.range(at: start + 4, count: Int(count))
    {
      if id == 1 {
        bytes = LittleEndianBytes(bytes: content)
        return
      }
      start += 4 + Int(count)
    }
  }

  mutating func next() -> UInt64? {
    guard let value = bytes.integer(UInt64.self, at: place) else { return nil }
    place += 8
    return value
  }
}
