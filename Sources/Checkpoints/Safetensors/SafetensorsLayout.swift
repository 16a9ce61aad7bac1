import TensorCore

/// Order, places and header of a safetensors file to be written.
struct SafetensorsLayout {
  /// In the order of the data.
  let entries: [TensorEntry]

  /// Bytes from the start of the file to each tensor.
  let offsets: [Int]

  /// Length, JSON and padding.
  let header: [UInt8]

  /// Bytes of the whole file.
  let byteCount: Int

  private static let alignment = 64

  /// - Throws: `CheckpointError.duplicateTensor`, `.malformed` where the header would be too long.
  init(path: String, entries: [TensorEntry], metadata: [String: String]) throws {
    // Compared as bytes: the order of strings is that of their canonical forms.
    self.entries = entries.sorted {
      $0.dtype.byteCount != $1.dtype.byteCount
        ? $0.dtype.byteCount > $1.dtype.byteCount
        : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
    }
    var names: Set<String> = ["__metadata__"]
    for entry in entries where !names.insert(entry.name).inserted {
      throw CheckpointError.duplicateTensor(path: path, tensor: entry.name)
    }
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      let text = pairs.map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
      members.append("\"__metadata__\":{\(text.joined(separator: ","))}")
    }
    var places: [Int] = []
    var end = 0
    for entry in self.entries {
      places.append(end)
      let shape = entry.shape.axes.map(String.init).joined(separator: ",")
      members.append(
        "\(Self.quoted(entry.name)):{\"dtype\":\"\(entry.dtype.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(end),\(end + entry.byteCount)]}")
      end += entry.byteCount
    }
    var text = Array("{\(members.joined(separator: ","))}".utf8)
    let padding = (Self.alignment - (8 + text.count) % Self.alignment) % Self.alignment
    text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: padding))
    guard text.count <= SafetensorsHeader.lengthLimit else {
      throw CheckpointError.malformed(
        path: path, tensor: nil,
        expected: "a header of at most \(SafetensorsHeader.lengthLimit) bytes",
        found: "\(text.count)")
    }
    header = withUnsafeBytes(of: UInt64(text.count).littleEndian, Array.init) + text
    let start = header.count
    offsets = places.map { start + $0 }
    byteCount = start + end
  }

  /// A JSON string.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
