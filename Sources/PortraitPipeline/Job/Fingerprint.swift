import Checkpoints
import Foundation
import MediaIO

/// What a file of the work folder was made from: names and values in a fixed order. A file is used
/// again only where all of them are the same.
package struct Fingerprint: Sendable, Equatable, Codable {
  package struct Part: Sendable, Equatable, Codable {
    package let name: String
    package let value: String
  }

  package private(set) var parts: [Part]

  package init(_ parts: [(name: String, value: String)] = []) {
    self.parts = parts.map { Part(name: $0.name, value: $0.value) }
  }

  package mutating func add(_ name: String, _ value: some CustomStringConvertible) {
    parts.append(Part(name: name, value: value.description))
  }

  /// Another fingerprint's parts behind this one's.
  package func followed(by other: Fingerprint) -> Fingerprint {
    var result = self
    result.parts += other.parts
    return result
  }

  /// Names of the parts that are not the same in both.
  package func differences(from other: Fingerprint) -> [String] {
    let names = parts.map(\.name) + other.parts.map(\.name)
    func values(_ name: String, in parts: [Part]) -> [String] {
      parts.filter { $0.name == name }.map(\.value)
    }
    var seen: Set<String> = []
    return names.filter { name in
      seen.insert(name).inserted
        && values(name, in: parts) != values(name, in: other.parts)
    }
  }

  /// The text that goes into a file's metadata.
  package var encoded: String { parts.sortedJSON }

  /// - Returns: nil for a text that is none.
  package init?(encoded: String) {
    guard let parts = try? JSONDecoder().decode([Part].self, from: Data(encoded.utf8)) else {
      return nil
    }
    self.parts = parts
  }
}

/// What tells one file's content from another's.
package enum FileIdentity {
  /// Bytes of a checkpoint that are read.
  private static let sample = 1 << 20

  /// Of an input: its content.
  ///
  /// - Throws: `MediaError`.
  package static func content(of path: String) throws -> String {
    try FileDigest.sha256(ofFile: path)
  }

  /// Of a checkpoint, which may have tens of gigabytes: size, time of the last change, and the first
  /// bytes, among them names and shapes of the tensors.
  ///
  /// - Throws: `CheckpointError.unreadable`.
  package static func checkpoint(_ path: String) throws -> String {
    var status = stat()
    guard stat(path, &status) == 0, let file = FileHandle(forReadingAtPath: path) else {
      throw CheckpointError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    defer { try? file.close() }
    let head = try file.read(upToCount: sample) ?? Data()
    let changed = "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    return "\(status.st_size) bytes, \(changed), \(FileDigest.sha256(of: Array(head)))"
  }
}
