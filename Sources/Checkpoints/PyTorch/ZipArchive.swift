import TensorCore

/// The directory of a ZIP archive, of which stored (uncompressed) entries can be read in place.
///
/// Opening reads the central directory alone. An entry's local header, which says where its data
/// starts, is read and checked when the data is asked for: a checkpoint of 33 GB has thousands of
/// them, a disk page each. Checksums are verified only where a caller asks.
struct ZipArchive: Sendable {
  /// A file of the archive.
  struct Entry: Sendable {
    let name: String

    /// Bytes in the archive.
    let byteCount: Int

    /// 0 for data that are stored as they are.
    let method: UInt16

    /// CRC-32 as recorded; PyTorch writes 0 where it was told not to compute it.
    let checksum: UInt32

    let headerOffset: Int

    /// Where the next entry, or the directory, starts: the data must end before it.
    fileprivate(set) var limit: Int
  }

  private let file: MappedFile
  private let entries: [String: Entry]

  /// More entries than this are no checkpoint; it bounds the memory that a hostile file can claim.
  static let largestEntryCount = 1 << 17

  private static let localHeader: UInt32 = 0x0403_4B50
  private static let localHeaderSize = 30

  /// Reads the central directory.
  ///
  /// - Throws: `CheckpointError.malformed` and `.unsupported`, naming the entry.
  init(_ file: MappedFile) throws {
    self.file = file
    let directory = try ZipDirectory(file)
    var found = try directory.entries()
    found.sort { $0.headerOffset < $1.headerOffset }
    for index in found.indices {
      let entry = found[index]
      let limit = index + 1 < found.count ? found[index + 1].headerOffset : directory.offset
      let least = Self.localHeaderSize + entry.name.utf8.count
      guard entry.headerOffset <= limit, limit - entry.headerOffset >= least,
        limit - entry.headerOffset - least >= entry.byteCount
      else {
        throw CheckpointError.malformed(
          path: file.path, tensor: nil,
          expected: "entry '\(entry.name)' to end before the next one at byte \(limit)",
          found: "\(entry.byteCount) bytes from byte \(entry.headerOffset) on")
      }
      found[index].limit = limit
    }
    var byName = [String: Entry](minimumCapacity: found.count)
    for entry in found where byName.updateValue(entry, forKey: entry.name) != nil {
      throw CheckpointError.malformed(
        path: file.path, tensor: nil, expected: "one entry of each name",
        found: "two named '\(entry.name)'")
    }
    entries = byName
  }

  /// The entry of a full name, folder included.
  subscript(name: String) -> Entry? { entries[name] }

  var names: some Collection<String> { entries.keys }

  /// Refuses an archive with compressed entries.
  ///
  /// - Throws: `CheckpointError.unsupported`.
  func requireStored() throws {
    guard
      let packed = entries.values.filter({ $0.method != 0 }).min(by: {
        $0.headerOffset < $1.headerOffset
      })
    else { return }
    throw CheckpointError.unsupported(
      path: file.path, tensor: nil,
      found: "the compressed entry '\(packed.name)' (ZIP method \(packed.method))",
      advice: "torch.save stores entries as they are, so something packed this file again; "
        + "unpack it and run `zip -0 -r` on its folder, or download it again")
  }

  /// Where a stored entry's data starts in the file, after a check of its local header.
  ///
  /// - Throws: `CheckpointError.malformed`.
  func dataOffset(of entry: Entry) throws -> Int {
    let bytes = LittleEndianBytes(
      bytes: UnsafeRawBufferPointer(start: file.base, count: file.byteCount))
    func damaged(_ expected: String, _ found: String) -> CheckpointError {
      .malformed(
        path: file.path, tensor: nil, expected: "\(expected) for entry '\(entry.name)'",
        found: found)
    }
    let start = entry.headerOffset
    guard bytes.integer(UInt32.self, at: start) == Self.localHeader,
      let flags = bytes.integer(UInt16.self, at: start + 6),
      let method = bytes.integer(UInt16.self, at: start + 8),
      let nameCount = bytes.integer(UInt16.self, at: start + 26),
      let extraCount = bytes.integer(UInt16.self, at: start + 28)
    else { throw damaged("a local header at byte \(start)", "other bytes") }
    guard flags & ZipDirectory.encryptionFlags == 0, method == 0 else {
      throw damaged(
        "a stored, unencrypted local header", "flags \(flags) and compression method \(method)")
    }
    guard
      let name = bytes.range(at: start + Self.localHeaderSize, count: Int(nameCount)),
      name.elementsEqual(entry.name.utf8)
    else { throw damaged("the same name in the local header", "another one") }
    let data = start + Self.localHeaderSize + Int(nameCount) + Int(extraCount)
    guard data <= entry.limit, entry.limit - data >= entry.byteCount else {
      throw damaged(
        "\(entry.byteCount) bytes of data before byte \(entry.limit)", "a start at byte \(data)")
    }
    return data
  }

  /// An entry's data in the mapped file, valid while the file is.
  func data(of entry: Entry) throws -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: file.base + (try dataOffset(of: entry)), count: entry.byteCount)
  }

  /// Checks an entry's data against its recorded CRC-32, where one was recorded.
  ///
  /// - Throws: `CheckpointError.malformed`.
  func verifyChecksum(of entry: Entry) throws {
    guard entry.checksum != 0 else { return }
    let actual = CRC32.of(try data(of: entry))
    guard actual == entry.checksum else {
      throw CheckpointError.malformed(
        path: file.path, tensor: nil,
        expected: "CRC-32 \(String(entry.checksum, radix: 16)) of entry '\(entry.name)'",
        found: String(actual, radix: 16))
    }
  }
}
