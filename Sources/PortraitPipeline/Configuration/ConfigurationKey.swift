import Checkpoints
import MediaIO

/// A key that means something, and what is done with its value.
struct ConfigurationKey: Sendable {
  typealias Read = @Sendable (inout JobConfiguration, ConfigurationValue) throws -> Void

  /// The published name, then ours.
  let names: [String]

  /// Whether it is about the networks, which a list's jobs share.
  let isOfNetworks: Bool

  /// Puts a value that is given into the configuration.
  let read: Read

  init(_ names: [String], isOfNetworks: Bool = false, _ read: @escaping Read) {
    self.names = names
    self.isOfNetworks = isOfNetworks
    self.read = read
  }

  typealias Target<Value> = WritableKeyPath<JobConfiguration, Value?> & Sendable

  // MARK: Kinds of values

  static func text(_ names: String..., to target: Target<String>) -> ConfigurationKey {
    ConfigurationKey(names) { $0[keyPath: target] = try $1.text() }
  }

  static func flag(_ names: String..., to target: Target<Bool>) -> ConfigurationKey {
    ConfigurationKey(names) { $0[keyPath: target] = try $1.flag() }
  }

  static func whole<Number: FixedWidthInteger & Sendable>(
    _ names: String..., in range: ClosedRange<Number>, to target: Target<Number>
  ) -> ConfigurationKey {
    ConfigurationKey(names) { $0[keyPath: target] = try $1.whole(range) }
  }

  static func number(
    _ names: String..., in range: ClosedRange<Double>, to target: Target<Double>
  ) -> ConfigurationKey {
    ConfigurationKey(names) { $0[keyPath: target] = try $1.number(range) }
  }

  static func single(
    _ names: String..., in range: ClosedRange<Float>, to target: Target<Float>
  ) -> ConfigurationKey {
    ConfigurationKey(names) {
      $0[keyPath: target] = Float(
        try $1.number(Double(range.lowerBound)...Double(range.upperBound)))
    }
  }

  static func choice<Choice: Equatable & Sendable>(
    _ names: String..., of choices: [(name: String, value: Choice)], to target: Target<Choice>
  ) -> ConfigurationKey {
    ConfigurationKey(names) { $0[keyPath: target] = try $1.choice(choices) }
  }

  /// A side of the picture.
  static func side(_ name: String, to target: Target<Int>) -> ConfigurationKey {
    ConfigurationKey([name]) { configuration, value in
      let side = try value.whole(JobParameters.Limits.side)
      let unit = JobParameters.Limits.sideUnit
      guard side % unit == 0 else { throw value.refusal("a multiple of \(unit)") }
      configuration[keyPath: target] = side
    }
  }

  static func path(_ names: String..., to target: Target<String>) -> ConfigurationKey {
    ConfigurationKey(names) { $0[keyPath: target] = try $1.path() }
  }

  // MARK: Values without a choice

  /// A key whose only value is what the program does anyway.
  static func fixed<Choice: Equatable & Sendable>(
    _ name: String, _ choices: [(name: String, value: Choice)], is only: Choice,
    because reason: String
  ) -> ConfigurationKey {
    ConfigurationKey([name]) { _, value in
      var found: Choice?
      do { found = try value.choice(choices) } catch is PipelineError {}
      if found != only { throw value.refusal(reason) }
    }
  }

  /// A key that changes nothing: its value is only checked.
  static func unused(
    _ names: String..., check: @escaping @Sendable (ConfigurationValue) throws -> Void
  ) -> ConfigurationKey {
    ConfigurationKey(names) { _, value in try check(value) }
  }
}

extension ConfigurationValue {
  /// A path; a relative one counts from the value's folder.
  func path() throws -> String {
    let path = try text()
    guard !path.isEmpty else { throw refusal("the name of a file or folder") }
    return rooted(path)
  }

  private func rooted(_ path: String) -> String {
    guard let folder, !path.hasPrefix("/") else { return path }
    return "\(folder)/\(path)"
  }

  /// One adapter or a list of them.
  func adapters() throws -> [WeightedPath] {
    try (isList ? elements() : [self]).map { value in
      guard var adapter = WeightedPath(try value.text()) else {
        throw value.refusal("the name of a file, with or without a weight (file.safetensors:0.5)")
      }
      adapter.path = rooted(adapter.path)
      return adapter
    }
  }

  /// Frames a second: a whole or decimal number, or a ratio of whole ones (`30000/1001`).
  func frameRate() throws -> Rational {
    guard let rate = Rational(frameRate: try text()) else {
      throw refusal("frames a second, above 0 to 1000, like 25, 29.97 or 30000/1001")
    }
    return rate
  }
}

extension Rational {
  /// A frame rate as people write it: `25`, `29.97`, `30000/1001`.
  ///
  /// - Returns: nil for anything else, and where it is not above 0 and at most 1000.
  package init?(frameRate text: String) {
    guard let rate = Rational(text: text), rate.numerator > 0, rate.value <= 1000 else {
      return nil
    }
    self = rate
  }
}
