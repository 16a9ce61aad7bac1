import ArgumentParser

/// Checks of single values from the command line.
enum FlagCheck {
  /// - Parameter value: nil where the flag was not given.
  /// - Throws: `ValidationError` where the value is outside; it names the flag.
  static func range<Value: Comparable & CustomStringConvertible>(
    _ flag: String, _ value: Value?, _ range: ClosedRange<Value>
  ) throws {
    guard let value, !range.contains(value) else { return }
    throw ValidationError(
      "--\(flag) \(value): expected \(range.lowerBound) to \(range.upperBound)")
  }

  /// - Throws: `ValidationError` where the name ends otherwise.
  static func ending(_ flag: String, _ path: String?, _ ending: String) throws {
    guard let path, !path.hasSuffix(ending) else { return }
    throw ValidationError("--\(flag) \(path): expected a name that ends in \(ending)")
  }
}
