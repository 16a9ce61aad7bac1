import Foundation

/// A JSON value of any kind, so that one configuration can be laid over another before either is
/// understood.
enum JSONValue: Equatable {
  case object([String: JSONValue])
  case array([JSONValue])
  case string(String)
  case number(Double)
  case bool(Bool)
  case null

  /// What a person would call it.
  var kind: String {
    switch self {
    case .object: "an object"
    case .array: "a list"
    case .string: "a text"
    case .number: "a number"
    case .bool: "true or false"
    case .null: "null"
    }
  }

  /// The same object with another value for a member of a member.
  func replacing(_ keys: [String], by value: JSONValue) -> JSONValue {
    guard let key = keys.first, case .object(var members) = self, let former = members[key] else {
      return value
    }
    members[key] = former.replacing(Array(keys.dropFirst()), by: value)
    return .object(members)
  }

  /// The value as a message names it.
  var text: String {
    switch self {
    case .string(let text): "the text \"\(text.prefix(40))\""
    case .number(let number):
      number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
    case .bool(let value): "\(value)"
    case .array(let elements) where elements.count <= 8:
      "[" + elements.map(\.text).joined(separator: ", ") + "]"
    default: kind
    }
  }
}

extension JSONValue: Codable {
  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {  // each kind is tried in turn
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .object(let members): try container.encode(members)
    case .array(let elements): try container.encode(elements)
    case .string(let text): try container.encode(text)
    case .number(let number): try container.encode(number)
    case .bool(let value): try container.encode(value)
    case .null: try container.encodeNil()
    }
  }

  /// The value of anything that encodes itself.
  init(encoding value: some Encodable) throws {
    self = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value))
  }

  /// Something decoded from the value.
  func decoded<Value: Decodable>(as type: Value.Type) throws -> Value {
    try JSONDecoder().decode(type, from: JSONEncoder().encode(self))
  }
}

extension Encodable {
  /// JSON in one line with sorted keys: equal values give equal texts. For values of ours, which can
  /// be encoded.
  var sortedJSON: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do { return String(decoding: try encoder.encode(self), as: UTF8.self) } catch {
      preconditionFailure("\(Self.self) cannot be encoded: \(error)")
    }
  }
}
