import TensorCore

/// The header of a safetensors file: what its tensors are and where their data lie.
///
/// Layout of a file: header length (8 bytes, little-endian), header (JSON), data. Offsets count
/// from the start of the data. <https://github.com/huggingface/safetensors#format>
struct SafetensorsHeader {
  /// One tensor and the bytes of the file that it takes.
  struct Item {
    let entry: TensorEntry
    let bytes: Range<Int>
  }

  /// In the order of their data.
  private(set) var items: [Item] = []
  private(set) var metadata: [String: String] = [:]

  /// The format's own bound on the header.
  static let lengthLimit = 100_000_000

  /// Our bounds on what one header may make us keep; the largest published checkpoints stay a
  /// hundred times below them.
  private static let tensorLimit = 1 << 17
  private static let nameLimit = 1024
  private static let nameBytesLimit = 16 << 20
  private static let metadataLimit = 16 << 20
  private static let rankLimit = 32

  private let path: String
  private let dataCount: Int
  private let dataStart: Int
  private var names: Set<String> = []
  private var nameBytes = 0
  private var metadataBytes = 0
  private var hasMetadata = false

  /// Reads the header of a mapped file.
  ///
  /// - Throws: `CheckpointError.malformed`, `.unsupported`.
  init(_ file: MappedFile) throws {
    path = file.path
    let bytes = UnsafeRawBufferPointer(start: file.base, count: file.byteCount)
    let length = try Self.headerLength(bytes, path: file.path)
    dataStart = 8 + length
    dataCount = bytes.count - dataStart

    var released = 0
    var scanner = JSONScanner(
      UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]),
      progress: { position in
        // A hostile header may be 100 MB long: give back the pages that have been read.
        file.dontNeed(released..<position)
        released = position
      })
    do {
      try read(&scanner)
    } catch let fault as JSONFault {
      throw malformed(nil, "\(fault.expected) in the header", fault.found)
    }
    names = []
    items.sort {
      ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
    }
    try checkCoverage()
  }

  private static func headerLength(_ bytes: UnsafeRawBufferPointer, path: String) throws -> Int {
    guard bytes.count >= 8 else {
      throw CheckpointError.malformed(
        path: path, tensor: nil, expected: "a safetensors file, at least 8 bytes",
        found: "\(bytes.count) bytes")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= lengthLimit else {
      throw CheckpointError.malformed(
        path: path, tensor: nil,
        expected: "a safetensors header of at most \(lengthLimit) bytes", found: "\(length)")
    }
    guard Int(length) <= bytes.count - 8 else {
      throw CheckpointError.malformed(
        path: path, tensor: nil, expected: "a header of \(length) bytes",
        found: "\(bytes.count - 8) bytes after its length")
    }
    return Int(length)
  }

  // MARK: JSON

  private mutating func read(_ scanner: inout JSONScanner) throws {
    try scanner.object(keyLimit: Self.nameLimit) { scanner, name in
      if name == "__metadata__" {
        try readMetadata(&scanner)
      } else {
        try readTensor(name, &scanner)
      }
    }
    try scanner.end()
  }

  private mutating func readMetadata(_ scanner: inout JSONScanner) throws {
    guard !hasMetadata else { throw malformed(nil, "one '__metadata__'", "two") }
    hasMetadata = true
    try scanner.object(keyLimit: 1 << 16) { scanner, key in
      let value = try scanner.string(limit: Self.metadataLimit)
      metadataBytes += key.utf8.count + value.utf8.count
      guard metadataBytes <= Self.metadataLimit else {
        throw malformed(nil, "at most \(Self.metadataLimit) bytes of metadata", "more")
      }
      guard metadata.updateValue(value, forKey: key) == nil else {
        throw malformed(nil, "each metadata key once", "'\(key)' twice")
      }
    }
  }

  private mutating func readTensor(_ name: String, _ scanner: inout JSONScanner) throws {
    guard names.insert(name).inserted else {
      throw malformed(name, "each tensor once", "a second one of that name")
    }
    nameBytes += name.utf8.count
    guard names.count <= Self.tensorLimit, nameBytes <= Self.nameBytesLimit else {
      throw malformed(
        nil, "at most \(Self.tensorLimit) tensors with \(Self.nameBytesLimit) bytes of names",
        "more")
    }
    var dtype: String?
    var axes: [Int]?
    var offsets: [Int]?
    do {
      try scanner.object(keyLimit: Self.nameLimit) { scanner, key in
        let isNew: Bool
        switch key {
        case "dtype":
          isNew = dtype == nil
          dtype = try scanner.string(limit: Self.nameLimit)
        case "shape":
          isNew = axes == nil
          axes = try integers(&scanner, limit: Self.rankLimit, "a shape", name)
        case "data_offsets":
          isNew = offsets == nil
          offsets = try integers(&scanner, limit: 2, "data_offsets", name)
        default:
          throw malformed(name, "dtype, shape and data_offsets", "a member '\(key)'")
        }
        guard isNew else { throw malformed(name, "'\(key)' once", "'\(key)' twice") }
      }
    } catch let fault as JSONFault {
      throw malformed(name, fault.expected, fault.found)
    }
    guard let dtype, let axes, let offsets else {
      throw malformed(name, "dtype, shape and data_offsets", "not all of them")
    }
    items.append(try item(name, dtype: dtype, axes: axes, offsets: offsets))
  }

  private func integers(
    _ scanner: inout JSONScanner, limit: Int, _ what: String, _ name: String
  ) throws -> [Int] {
    var values: [Int] = []
    try scanner.array { scanner in
      guard values.count < limit else {
        throw malformed(name, "\(what) of at most \(limit) numbers", "more")
      }
      values.append(try scanner.unsignedInteger())
    }
    return values
  }

  // MARK: Rules

  private func item(_ name: String, dtype: String, axes: [Int], offsets: [Int]) throws -> Item {
    guard let type = DType(rawValue: dtype) else {
      throw CheckpointError.unsupported(
        path: path, tensor: name, found: "element type '\(dtype)'",
        advice: "convert it to one of " + DType.allCases.map(\.rawValue).joined(separator: ", "))
    }
    guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] <= dataCount else {
      throw malformed(name, "data_offsets [begin, end] within \(dataCount) bytes", "\(offsets)")
    }
    guard let shape = try? Shape(validating: axes),
      !shape.count.multipliedReportingOverflow(by: type.byteCount).overflow
    else { throw malformed(name, "a shape whose size does not overflow", "\(axes)") }
    let entry = TensorEntry(name: name, dtype: type, shape: shape)
    guard entry.byteCount == offsets[1] - offsets[0] else {
      throw malformed(
        name, "\(entry.byteCount) bytes for \(type.rawValue) \(shape)",
        "\(offsets[1] - offsets[0]) bytes")
    }
    return Item(entry: entry, bytes: (dataStart + offsets[0])..<(dataStart + offsets[1]))
  }

  /// The tensors must follow each other without gaps and end with the file.
  private func checkCoverage() throws {
    var end = dataStart
    var previous: String?
    for item in items {
      let begin = item.bytes.lowerBound
      guard begin == end else {
        let after = previous.map { "after tensor '\($0)'" } ?? "at the start of the data"
        throw malformed(
          item.entry.name, "data that begin at byte \(end - dataStart), \(after)",
          "\(begin - dataStart) (\(begin < end ? "an overlap" : "a hole"))")
      }
      end = item.bytes.upperBound
      previous = item.entry.name
    }
    guard end == dataStart + dataCount else {
      throw malformed(
        nil, "\(end - dataStart) bytes of data", "\(dataCount): bytes that belong to no tensor")
    }
  }

  private func malformed(_ tensor: String?, _ expected: String, _ found: String) -> CheckpointError
  {
    .malformed(path: path, tensor: tensor, expected: expected, found: found)
  }
}
