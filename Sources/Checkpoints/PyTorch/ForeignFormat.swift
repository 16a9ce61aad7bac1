import TensorCore

/// What a file is by how it begins: a PyTorch archive, or something often taken for one.
enum ForeignFormat {
  /// Whether the PyTorch reader is the one to open, or to explain, a file; else it is taken for
  /// safetensors, whose headers begin with a brace after the eight bytes of their length.
  static func isPyTorch(_ file: MappedFile) -> Bool {
    let bytes = UnsafeRawBufferPointer(start: file.base, count: file.byteCount)
    guard bytes.count > 8, bytes[8] != UInt8(ascii: "{") else { return false }
    return isArchive(bytes) || foreign(bytes) != nil
  }

  /// - Throws: `CheckpointError.unsupported` with what the file is instead of a PyTorch archive;
  ///   `.malformed` where it is empty.
  static func refuse(_ file: MappedFile) throws {
    let bytes = UnsafeRawBufferPointer(start: file.base, count: file.byteCount)
    guard !bytes.isEmpty else {
      throw CheckpointError.malformed(
        path: file.path, tensor: nil, expected: "a ZIP archive", found: "an empty file")
    }
    guard !isArchive(bytes), let (found, advice) = foreign(bytes) else { return }
    throw CheckpointError.unsupported(path: file.path, tensor: nil, found: found, advice: advice)
  }

  private static let saveAgain =
    "load it in PyTorch 1.6 or later and save it with torch.save's defaults"

  private static func isArchive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.starts(with: [0x50, 0x4B, 0x03, 0x04])
  }

  private static func foreign(
    _ bytes: UnsafeRawBufferPointer
  ) -> (found: String, advice: String)? {
    if bytes.count >= 2, bytes[0] == PickleOpcode.proto.rawValue, (1...5).contains(bytes[1]) {
      return (
        isLegacy(bytes) ? "the file format that PyTorch wrote before 1.6" : "a bare pickle",
        saveAgain
      )
    }
    if bytes.count > 512, bytes[257..<262].elementsEqual("ustar".utf8) {
      return ("a tar archive, as the first versions of PyTorch wrote", saveAgain)
    }
    if bytes.starts(with: "version https://git-lfs".utf8) {
      return ("a Git LFS pointer in place of the file", "fetch it with `git lfs pull`")
    }
    if bytes.starts(with: "<!".utf8) || bytes.starts(with: "<html".utf8) {
      return ("a web page in place of the file", "download it again, logged in where needed")
    }
    return nil
  }

  /// Whether a pickle begins with 0x1950A86A20F9469CFC6C, an integer of ten bytes.
  private static func isLegacy(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
    // Later protocols put a frame of nine bytes before it.
    return (0...16).contains { bytes.dropFirst($0).starts(with: magic) }
  }
}
