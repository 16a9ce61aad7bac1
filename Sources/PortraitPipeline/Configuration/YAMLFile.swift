import Foundation
import Yams

/// A YAML 1.1 file, read without trust in who wrote it.
enum YAMLFile {
  static let byteLimit = 1 << 20

  /// The one document of a file; of an empty file, nothing (null).
  ///
  /// - Parameter folder: from which relative paths in it count; nil for the current one.
  /// - Throws: `PipelineError.configurationUnreadable`, `.notYAML`.
  static func root(of path: String, folder: String?) throws -> ConfigurationValue {
    let text = try text(of: path)
    if let reason = reference(in: text) {
      throw PipelineError.notYAML(path: path, line: nil, column: nil, reason: reason)
    }
    do {
      // Without rules for types, which would only slow down the search for repeated keys.
      let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
      return ConfigurationValue(
        try parser.singleRoot() ?? Node("", .implicit, .plain),
        place: ConfigurationPlace(path: path), key: nil, folder: folder)
    } catch let error as YamlError { throw refusal(error, path: path) }
  }

  private static func text(of path: String) throws -> String {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw PipelineError.configurationUnreadable(path: path, reason: "no such file")
    }
    guard !isFolder.boolValue else {
      throw PipelineError.configurationUnreadable(
        path: path, reason: "is a folder, not a YAML file")
    }
    let data: Data
    do {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }  // Nothing was written.
      data = try file.read(upToCount: byteLimit + 1) ?? Data()
    } catch {
      throw PipelineError.configurationUnreadable(path: path, reason: "cannot be read")
    }
    guard data.count <= byteLimit else {
      throw PipelineError.notYAML(
        path: path, line: nil, column: nil, reason: "expected at most \(byteLimit) bytes of YAML")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw PipelineError.notYAML(
        path: path, line: nil, column: nil, reason: "expected a text in UTF-8")
    }
    return text
  }

  /// Refuses anchors that are referred to: a few lines of them stand for more values than any memory
  /// holds, and the parser compares keys value by value.
  private static func reference(in text: String) -> String? {
    let bytes = Array(text.utf8)
    let anchors = names(after: UInt8(ascii: "&"), in: bytes)
    guard !anchors.isEmpty else { return nil }
    return names(after: UInt8(ascii: "*"), in: bytes).intersection(anchors).min().map { name in
      "anchors are not read; write out what '*\(name)' stands for"
    }
  }

  /// The names that YAML would read after each such mark, wherever it is: one in a text is found
  /// too, which does no harm as long as not both marks have it.
  private static func names(after mark: UInt8, in bytes: [UInt8]) -> Set<String> {
    var names: Set<String> = []
    for start in bytes.indices where bytes[start] == mark {
      let name = bytes[(start + 1)...].prefix { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
      if !name.isEmpty { names.insert(String(decoding: name, as: UTF8.self)) }
    }
    return names
  }

  private static func refusal(_ error: YamlError, path: String) -> PipelineError {
    func refusal(_ reason: String, _ line: Int? = nil, _ column: Int? = nil) -> PipelineError {
      .notYAML(path: path, line: line, column: column, reason: reason)
    }
    switch error {
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      return refusal((context.map { "\($0.text), " } ?? "") + problem, mark.line, mark.column)
    case .reader(let problem, let offset, _, let text):
      guard let offset else { return refusal(problem) }
      let lines = text.prefix(offset).split(
        omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      return refusal(problem, lines.count, (lines.last?.count ?? 0) + 1)
    case .duplicatedKeysInMapping(let keys, let context):
      return refusal(
        "'\(keys.first?.printable ?? "")' appears twice", context.mark.line, context.mark.column)
    default: return refusal("\(error)")
    }
  }
}
