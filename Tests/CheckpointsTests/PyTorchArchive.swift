import Checkpoints
import Foundation
import TensorCore

/// A PyTorch archive in its parts, to be put together again with some of them changed.
struct PyTorchArchive {
  var parts: [(name: String, content: [UInt8])]

  /// An archive with the given pickle and storages.
  init(pickle: [UInt8], storages: [[UInt8]] = []) {
    parts = [("a/data.pkl", pickle), ("a/version", Array("3\n".utf8))]
    for (key, content) in storages.enumerated() { parts.append(("a/data/\(key)", content)) }
  }

  /// Takes apart a sound archive of stored entries without zip64 fields.
  init(_ bytes: [UInt8]) {
    func integer(_ place: Int, _ count: Int) -> Int {
      (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }
    parts = []
    var place = integer(bytes.count - 6, 4)
    while bytes[place..<(place + 4)].elementsEqual([0x50, 0x4B, 1, 2]) {
      let size = integer(place + 24, 4)
      let nameCount = integer(place + 28, 2)
      let header = integer(place + 42, 4)
      let name = String(decoding: bytes[(place + 46)..<(place + 46 + nameCount)], as: UTF8.self)
      let start = header + 30 + integer(header + 26, 2) + integer(header + 28, 2)
      parts.append((name, Array(bytes[start..<(start + size)])))
      place += 46 + nameCount + integer(place + 30, 2) + integer(place + 32, 2)
    }
  }

  /// Writes the file of declared tensors with holes for their data, and puts bytes at the start
  /// of some of them.
  static func writeSparse(
    _ entries: [TensorEntry], to path: String, data: [String: [UInt8]] = [:]
  ) throws {
    var pickle = PickleWriter()
    for (key, entry) in entries.enumerated() { pickle.add(entry, key: key) }
    pickle.finish()
    var layout = ZipLayout(
      [ZipLayout.Entry(name: "a/data.pkl", byteCount: pickle.bytes.count)]
        + entries.enumerated().map { key, entry in
          ZipLayout.Entry(name: "a/data/\(key)", byteCount: entry.byteCount)
        })
    layout.entries[0].checksum = pickle.bytes.withUnsafeBytes(CRC32.of)
    var pieces = layout.entries.indices.map { layout.localHeader($0) }
    pieces.append(layout.directory())
    pieces.append((pickle.bytes, layout.entries[0].offset))
    for (key, entry) in entries.enumerated() {
      pieces.append((data[entry.name] ?? [], layout.entries[key + 1].offset))
    }
    try Data().write(to: URL(fileURLWithPath: path))
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    for piece in pieces {
      try handle.seek(toOffset: UInt64(piece.offset))
      try handle.write(contentsOf: piece.bytes)
    }
    try handle.close()
  }

  var pickle: [UInt8] {
    get { parts.first { $0.name.hasSuffix("/data.pkl") }?.content ?? [] }
    set {
      for index in parts.indices where parts[index].name.hasSuffix("/data.pkl") {
        parts[index].content = newValue
      }
    }
  }

  /// The archive's bytes, its checksums being right.
  func bytes() -> [UInt8] {
    var layout = ZipLayout(
      parts.map { ZipLayout.Entry(name: $0.name, byteCount: $0.content.count) })
    var bytes = [UInt8](repeating: 0, count: layout.byteCount)
    func put(_ content: [UInt8], at place: Int) {
      bytes.replaceSubrange(place..<(place + content.count), with: content)
    }
    for (index, part) in parts.enumerated() {
      layout.entries[index].checksum = part.content.withUnsafeBytes(CRC32.of)
      put(part.content, at: layout.entries[index].offset)
      let header = layout.localHeader(index)
      put(header.bytes, at: header.offset)
    }
    let directory = layout.directory()
    put(directory.bytes, at: directory.offset)
    return bytes
  }
}

/// Something that stands for bytes of a pickle: text for one-letter instructions, or numbers.
protocol PicklePiece {
  var pickled: [UInt8] { get }
}

extension String: PicklePiece {
  var pickled: [UInt8] { Array(utf8) }
}

extension Array: PicklePiece where Element: FixedWidthInteger {
  var pickled: [UInt8] { map { UInt8(truncatingIfNeeded: $0) } }
}

/// Pickles written by hand.
enum Pickle {
  static func join(_ pieces: any PicklePiece...) -> [UInt8] { pieces.flatMap(\.pickled) }

  /// A protocol 2 header and what follows.
  static func of(_ pieces: any PicklePiece...) -> [UInt8] { [0x80, 2] + pieces.flatMap(\.pickled) }

  static func text(_ text: String) -> [UInt8] {
    [0x8C, UInt8(text.utf8.count)] + Array(text.utf8)
  }

  static func global(_ module: String, _ name: String) -> [UInt8] {
    Array("c\(module)\n\(name)\n".utf8)
  }

  static func integer(_ value: Int64) -> [UInt8] {
    [0x8A, 8] + withUnsafeBytes(of: value.littleEndian, Array.init)
  }

  /// A tuple of integers.
  static func tuple(_ values: [Int64]) -> [UInt8] {
    join("(", values.flatMap(integer), "t")
  }

  /// A whole pickle: `{"t": tensor}` with a storage of the given element count.
  static func tensor(
    shape: [Int64], strides: [Int64], offset: Int64 = 0, storageCount: Int64 = 6,
    storage: String = "FloatStorage", key: String = "0"
  ) -> [UInt8] {
    let id = join(
      "(", text("storage"), global("torch", storage), text(key), text("cpu"),
      integer(storageCount), "tQ")
    return of(
      "}", text("t"), global("torch._utils", "_rebuild_tensor_v2"), "(", id, integer(offset),
      tuple(shape), tuple(strides), [0x89], global("collections", "OrderedDict"), ")RtRs.")
  }
}
