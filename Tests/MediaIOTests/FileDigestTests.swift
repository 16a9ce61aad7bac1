import Foundation
import MediaIO
import TestSupport
import Testing

@Suite("SHA-256 of files and bytes")
struct FileDigestTests {
  /// NIST's examples for FIPS 180-4, and its test of a million letters.
  static let vectors: [(String, String)] = [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      String(repeating: "a", count: 1_000_000),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
  ]

  @Test("the published examples", arguments: vectors)
  func examples(text: String, digest: String) throws {
    let bytes = [UInt8](text.utf8)
    #expect(FileDigest.sha256(of: bytes) == digest)
    #expect(FileDigest.sha256(of: Data(bytes)) == digest)
    let folder = try TemporaryFolder()
    #expect(try FileDigest.sha256(ofFile: folder.write(bytes, to: "a b")) == digest)
  }

  @Test(
    "lengths around those of blocks and of reads",
    arguments: [55, 56, 63, 64, 65, 1 << 20, 3 << 20])
  func lengths(count: Int) throws {
    var random = SeededGenerator(seed: UInt64(count))
    let bytes = (0..<count + 1).map { _ in UInt8.random(in: 0...255, using: &random) }
    let folder = try TemporaryFolder()
    for length in [count, count + 1] {
      let path = try folder.write(Array(bytes[..<length]), to: "file")
      let line = String(decoding: try TestProgram.run("sha256sum", [path]), as: UTF8.self)
      let expected = line.prefix(64)
      #expect(try FileDigest.sha256(ofFile: path) == expected)
      #expect(FileDigest.sha256(of: Array(bytes[..<length])) == expected)
    }
  }

  @Test("what cannot be read")
  func unreadable() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("none")
    #expect(throws: MediaError.missing(path: path)) { try FileDigest.sha256(ofFile: path) }
    #expect(throws: MediaError.missing(path: "")) { try FileDigest.sha256(ofFile: "") }
    for path in [folder.path, "/dev/zero"] {
      #expect(throws: MediaError.unreadable(path: path, reason: "it is no regular file")) {
        try FileDigest.sha256(ofFile: path)
      }
    }
  }
}
