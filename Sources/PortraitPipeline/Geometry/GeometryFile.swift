import Checkpoints
import Foundation

/// A file that changes some sizes of a named geometry:
///
///     {"base": "14b", "transformer": {"num_layers": 4}}
///
/// Every key but "base" is one of `ModelGeometry`, with those of the network's configuration inside.
struct GeometryFile {
  let path: String

  private static let byteLimit = 1 << 20

  /// - Throws: `PipelineError`; what the file makes of the base is checked by the caller.
  func read() throws -> ModelGeometry {
    guard case .object(var members) = try value() else {
      throw PipelineError.geometryValue(
        path: path, key: nil, expected: "an object with networks by name", found: "another value")
    }
    let base = try base(members.removeValue(forKey: "base"))
    let tree = try JSONValue(encoding: base)
    let merged = try overlay(.object(members), on: tree, under: [])
    do { return try merged.decoded(as: ModelGeometry.self) } catch is DecodingError {
      throw misfit(among: .object(members), on: tree, under: [])
        ?? .geometryValue(
          path: path, key: nil, expected: "sizes of the networks", found: "others")
    }
  }

  private func value() throws -> JSONValue {
    let data: Data
    do { data = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
      let reason =
        FileManager.default.fileExists(atPath: path) ? "cannot be read" : "no such file"
      throw PipelineError.geometryUnreadable(path: path, reason: reason)
    }
    guard data.count <= Self.byteLimit else {
      throw PipelineError.geometryValue(
        path: path, key: nil, expected: "at most \(Self.byteLimit) bytes", found: "\(data.count)")
    }
    do { return try JSONDecoder().decode(JSONValue.self, from: data) } catch {
      throw PipelineError.geometryValue(
        path: path, key: nil, expected: "JSON", found: "a text that is none")
    }
  }

  private func base(_ value: JSONValue?) throws -> ModelGeometry {
    guard let value else { return .wan14B }
    let names = ModelGeometry.named.map(\.name)
    guard case .string(let name) = value,
      let named = ModelGeometry.named.first(where: { $0.name == name })
    else {
      throw PipelineError.geometryValue(
        path: path, key: "base", expected: names.joined(separator: ", "), found: value.text)
    }
    return named.geometry
  }

  /// Puts the values of a file in the place of those that they name.
  private func overlay(
    _ value: JSONValue, on base: JSONValue, under keys: [String]
  ) throws -> JSONValue {
    switch (value, base) {
    case (.object(let members), .object(var result)):
      for (key, member) in members.sorted(by: { $0.key < $1.key }) {
        guard let former = result[key] else { throw unknown(keys + [key], among: result.keys) }
        result[key] = try overlay(member, on: former, under: keys + [key])
      }
      return .object(result)
    case (.array(let elements), .array(let former)):
      // Lists hold values of one kind.
      guard let kind = former.first else { return value }
      return .array(
        try elements.enumerated().map { try overlay($1, on: kind, under: keys + ["\($0)"]) })
    case (.string, .string), (.number, .number), (.bool, .bool): return value
    default:
      throw PipelineError.geometryValue(
        path: path, key: keys.joined(separator: "."), expected: base.kind, found: value.text)
    }
  }

  private func unknown(
    _ keys: [String], among known: Dictionary<String, JSONValue>.Keys
  ) -> PipelineError {
    let near = SimilarNames(keys[keys.count - 1]).nearest(of: known.sorted().map(SimilarNames.init))
    return .unknownGeometryKey(path: path, key: keys.joined(separator: "."), near: near)
  }

  /// The value that keeps a configuration from being decoded though it is of the right kind: a number
  /// that is not whole. The decoder does not tell which, so each is tried by itself.
  private func misfit(
    among value: JSONValue, on base: JSONValue, under keys: [String]
  ) -> PipelineError? {
    if case .object(let members) = value {
      for (key, member) in members.sorted(by: { $0.key < $1.key }) {
        if let found = misfit(among: member, on: base, under: keys + [key]) { return found }
      }
      return nil
    }
    do { _ = try base.replacing(keys, by: value).decoded(as: ModelGeometry.self) } catch {
      guard error is DecodingError else { return nil }
      return .geometryValue(
        path: path, key: keys.joined(separator: "."),
        expected: "whole numbers of at most 18 digits", found: value.text)
    }
    return nil
  }
}
