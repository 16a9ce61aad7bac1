import TensorCore

/// Files that are often taken for a PyTorch archive, told apart by how they begin.
enum ForeignFormat {
  /// - Throws: `CheckpointError.unsupported` with what the file is; `.malformed` where it is empty.
  static func refuse(_ file: MappedFile) throws {
    let bytes = UnsafeRawBufferPointer(start: file.base, count: file.byteCount)
    guard !bytes.isEmpty else {
      throw CheckpointError.malformed(
        path: file.path, tensor: nil, expected: "a ZIP archive", found: "an empty file")
    }
    guard let (found, advice) = foreign(bytes) else { return }
    throw CheckpointError.unsupported(path: file.path, tensor: nil, found: found, advice: advice)
  }

  private static let saveAgain =
    "load it in PyTorch 1.6 or later and save it with torch.save's defaults"

  private static func foreign(
    _ bytes: UnsafeRawBufferPointer
  ) -> (found: String, advice: String)? {
    if bytes.starts(with: "PK".utf8) { return nil }
    if bytes.first == PickleOpcode.proto.rawValue {
      // 0x1950A86A20F9469CFC6C as a pickled integer of ten bytes.
      let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
      let isLegacy = bytes.dropFirst(4).starts(with: magic) || contains(magic, in: bytes.prefix(64))
      return (
        isLegacy ? "the file format that PyTorch wrote before 1.6" : "a bare pickle", saveAgain
      )
    }
    if bytes.count > 512, bytes[257..<262].elementsEqual("ustar".utf8) {
      return ("a tar archive, as PyTorch wrote before 0.1.10", saveAgain)
    }
    if bytes.starts(with: "version https://git-lfs".utf8) {
      return ("a Git LFS pointer in place of the file", "fetch it with `git lfs pull`")
    }
    let start = bytes.prefix(64).drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D }
    if start.first == UInt8(ascii: "<") {
      return ("a web page in place of the file", "download it again, logged in where needed")
    }
    return nil
  }

  private static func contains(
    _ pattern: [UInt8], in bytes: Slice<UnsafeRawBufferPointer>
  ) -> Bool {
    bytes.indices.contains { bytes[$0...].starts(with: pattern) }
  }
}
