import TensorCore
import Yams

/// A value of a YAML file, with where it stands. Plain words are read as YAML's core says, without
/// the surprises of its older rules (`017`, `1:30`).
struct ConfigurationValue {
  private let node: Node
  let place: ConfigurationPlace

  /// Keys from the outermost on, joined by dots; nil for the whole document.
  let key: String?

  /// From which relative paths count; nil for the current one.
  let folder: String?

  init(_ node: Node, place: ConfigurationPlace, key: String?, folder: String?) {
    self.node = node
    self.place = place
    self.key = key
    self.folder = folder
  }

  /// What was expected, and that it was not found.
  func refusal(_ expected: String) -> PipelineError {
    .configurationValue(place, key: key, expected: expected, found: found)
  }

  private var found: String {
    switch node {
    case .mapping: "keys with values"
    case .sequence: "a list"
    case .alias: "an anchor's name"
    case .scalar(let scalar):
      if isNull {
        "nothing"
      } else if scalar.style == .plain, Double(scalar.string) != nil || flagWord != nil {
        scalar.string.printable
      } else {
        "the text \"\(scalar.string.prefix(40).description.printable)\""
      }
    }
  }

  // MARK: Single values

  /// The characters of a word without quotes; nil for anything else.
  private var word: String? {
    guard case .scalar(let scalar) = node, scalar.style == .plain else { return nil }
    return scalar.string
  }

  private var flagWord: Bool? {
    switch word?.lowercased() {
    case "true", "yes", "on": true
    case "false", "no", "off": false
    default: nil
    }
  }

  /// Whether nothing is given.
  var isNull: Bool { word.map { ["", "~", "null", "Null", "NULL"].contains($0) } ?? false }

  func text() throws -> String {
    guard case .scalar(let scalar) = node else { throw refusal("a text") }
    return scalar.string
  }

  func flag() throws -> Bool {
    guard let flag = flagWord else { throw refusal("true or false") }
    return flag
  }

  func whole<Number: FixedWidthInteger>(_ range: ClosedRange<Number>) throws -> Number {
    guard let word, let number = Number(word), range.contains(number) else {
      let limits =
        range.upperBound == .max
        ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
      throw refusal("a whole number, \(limits)")
    }
    return number
  }

  func number(_ range: ClosedRange<Double>) throws -> Double {
    guard let word, word.allSatisfy({ "0123456789+-.eE".contains($0) }),
      let number = Double(word), range.contains(number)
    else {
      throw refusal(
        "a number, \(Self.shortest(range.lowerBound)) to \(Self.shortest(range.upperBound))")
    }
    return number
  }

  private static func shortest(_ number: Double) -> String {
    let text = "\(number)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// - Parameter choices: what each name stands for, however its letters are cased; the names of
  ///   those that repeat a value are left out of messages.
  func choice<Choice: Equatable>(_ choices: [(name: String, value: Choice)]) throws -> Choice {
    if case .scalar(let scalar) = node,
      let choice = choices.first(where: { $0.name.lowercased() == scalar.string.lowercased() })
    {
      return choice.value
    }
    var seen: [Choice] = []
    let names = choices.filter { choice in
      guard !seen.contains(choice.value) else { return false }
      seen.append(choice.value)
      return true
    }
    throw refusal(names.map(\.name).joined(separator: ", "))
  }

  // MARK: Values with others inside

  /// Each key once, in the order of the file.
  ///
  /// - Throws: `PipelineError.configurationValue` where a key is no text, `.notYAML` where it is there
  ///   twice.
  func members() throws -> [(name: String, value: ConfigurationValue)] {
    guard case .mapping(let mapping) = node else { throw refusal("keys with values") }
    var names: Set<String> = []
    return try mapping.map { name, member in
      var place = place
      place.line = name.mark?.line ?? place.line
      guard case .scalar(let scalar) = name else {
        throw PipelineError.configurationValue(
          place, key: key, expected: "texts as keys", found: "another value as a key")
      }
      guard names.insert(scalar.string).inserted else {
        throw PipelineError.notYAML(
          path: place.path, line: name.mark?.line, column: name.mark?.column,
          reason: "'\(scalar.string.printable)' appears twice")
      }
      let path = (key.map { "\($0)." } ?? "") + scalar.string.printable
      return (scalar.string, ConfigurationValue(member, place: place, key: path, folder: folder))
    }
  }

  var isList: Bool {
    if case .sequence = node { true } else { false }
  }

  func elements() throws -> [ConfigurationValue] {
    guard case .sequence(let sequence) = node else { throw refusal("a list") }
    return sequence.map { element in
      var place = place
      place.line = element.mark?.line ?? place.line
      return ConfigurationValue(element, place: place, key: key, folder: folder)
    }
  }

  /// The same value as the whole of a job.
  func job(_ number: Int) -> ConfigurationValue {
    var place = place
    place.job = number
    return ConfigurationValue(node, place: place, key: nil, folder: folder)
  }
}
