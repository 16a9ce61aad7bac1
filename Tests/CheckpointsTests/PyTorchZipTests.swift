import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

/// Archives whose records lie.
@Suite struct PyTorchZipTests {
  private let folder: TemporaryFolder
  private let sound: [UInt8]

  init() throws {
    folder = try TemporaryFolder()
    let pickle = Pickle.tensor(shape: [6], strides: [1])
    sound = PyTorchArchive(pickle: pickle, storages: [(0..<24).map { UInt8($0) }]).bytes()
  }

  private func message(_ archive: [UInt8]) throws -> String {
    let path = try folder.write(archive, to: "a.pt")
    let error = try #require(throws: CheckpointError.self) {
      _ = try PyTorchFile(path: path).tensor("t")
    }
    return "\(error)"
  }

  /// Where the directory, and its records for `data.pkl`, `version` and `data/0`, start.
  private var directory: Int {
    (0..<4).reduce(0) { $0 | Int(sound[sound.count - 6 + $1]) << (8 * $1) }
  }
  private var records: [Int] { [directory, directory + 56, directory + 56 + 55] }

  private func changed(_ place: Int, _ bytes: [UInt8]) -> [UInt8] {
    var archive = sound
    archive.replaceSubrange(place..<(place + bytes.count), with: bytes)
    return archive
  }

  @Test func theSoundOneIsRead() throws {
    let path = try folder.write(sound, to: "a.pt")
    #expect(try PyTorchFile(path: path).tensor("t").bytes() == (0..<24).map { UInt8($0) })
    #expect(sound[records[2] + 46 + 2] == UInt8(ascii: "d"))
  }

  @Test func damagedRecordsAreNamed() throws {
    let storage = records[2]
    let cases: [(String, Int, [UInt8])] = [
      ("'a/data/0' to lie before the directory", storage + 20, [0, 0, 0, 0x70, 0, 0, 0, 0x70]),
      ("'a/data/0' to lie before the directory", storage + 20, [25, 0, 0, 0]),
      ("'a/data/0' to end before the next", storage + 20, [0, 1, 0, 0, 0, 1, 0, 0]),
      ("zip64 sizes of entry 'a/data/0'", storage + 24, [255, 255, 255, 255]),
      ("'a/data/0' to lie before the directory", storage + 42, [0, 0, 0, 0x70]),
      ("'a/data.pkl' to end before the next one", storage + 42, [0, 0, 0, 0]),
      ("a local header at byte", storage + 42, [UInt8(sound[storage + 42] &+ 4)]),
      ("the encrypted entry 'a/data/0'", storage + 8, [1, 0]),
      ("the compressed entry 'a/data/0' (ZIP method 14)", storage + 10, [14, 0]),
      ("'a/data/0' on another part", storage + 34, [1, 0]),
      ("entry names inside the archive", storage + 46, Array("/".utf8)),
      ("entry names inside the archive", storage + 46, Array("../".utf8)),
      ("entry names inside the archive", storage + 47, [0]),
      ("entry names inside the archive", storage + 47, [0xFF]),
      ("an entry data/0 of the archive, found none", storage + 53, Array("1".utf8)),
      ("in several parts", sound.count - 18, [1, 0]),
      ("directory records in", sound.count - 14, [2, 0, 2, 0]),
      ("a directory record at byte", sound.count - 14, [4, 0, 4, 0]),
      ("in several parts", sound.count - 14, [4, 0]),
      ("a directory that ends at byte", sound.count - 10, [1]),
      ("a directory that ends at byte", sound.count - 6, [1]),
      ("a ZIP directory at the end, found none", sound.count - 2, [1]),
      ("a directory record at byte", directory, [0]),
    ]
    for (expected, place, bytes) in cases {
      let text = try message(changed(place, bytes))
      #expect(text.contains(expected), "\(text)")
    }
  }

  @Test func localHeadersMustAgree() throws {
    let record = records[2]
    let header = Int(sound[record + 42]) | Int(sound[record + 43]) << 8
    for (expected, place, bytes) in [
      ("a stored, unencrypted local header", header + 6, [1]),
      ("a stored, unencrypted local header", header + 8, [8]),
      ("the same name in the local header", header + 30, [UInt8(ascii: "b")]),
      ("the same name in the local header", header + 26, [7]),
      ("24 bytes of data before byte", header + 28, [255, 255]),
      ("a local header at byte", header, [0]),
    ] as [(String, Int, [UInt8])] {
      let text = try message(changed(place, bytes))
      #expect(text.contains(expected) && text.contains("'a/data/0'"), "\(text)")
    }
  }

  @Test func aDamagedPickleIsSeenByItsChecksum() throws {
    let pickle = Int(sound[26]) + 30 + Int(sound[28])
    #expect(try message(changed(pickle + 5, [0])).contains("CRC-32"))
  }

  @Test func namesOccurOnce() throws {
    var archive = PyTorchArchive(sound)
    archive.parts.append(archive.parts[2])
    #expect(try message(archive.bytes()).contains("two named 'a/data/0'"))
    archive = PyTorchArchive(sound)
    archive.parts.append(("b/data.pkl", [0x80, 2, 0x7D, 0x2E]))
    #expect(try message(archive.bytes()).contains("found 2 in an archive of 4 entries"))
    archive.parts = [("x/y/data.pkl", archive.pickle)]
    #expect(try message(archive.bytes()).contains("found 0 in an archive of 1 entries"))
  }

  @Test func whatIsNoArchiveIsExplained() throws {
    var tar = [UInt8](repeating: 0, count: 1024)
    tar.replaceSubrange(257..<262, with: Array("ustar".utf8))
    for (expected, bytes) in [
      ("a Git LFS pointer", Array("version https://git-lfs.github.com/spec/v1\noid x".utf8)),
      ("a web page", Array("<!DOCTYPE html><html>".utf8)), ("a tar archive", tar),
      ("a bare pickle", [0x80, 2, 0x7D, 0x2E]), ("an empty file", []),
      ("a ZIP directory at the end", Array("something else".utf8)),
      ("a ZIP directory at the end", Array(sound.dropLast(30))),
    ] {
      let text = try message(bytes)
      #expect(text.contains(expected), "\(text)")
    }
    for bytes in [tar, Array("<!DOCTYPE html><html>".utf8), sound] {
      let path = try folder.write(bytes, to: "b.pt")
      let format = try? Checkpoint.open(path).format
      #expect(format == (bytes == sound ? .pyTorch : nil))
    }
  }
}
