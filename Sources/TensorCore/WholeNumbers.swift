/// Arithmetic of sizes: how work and memory are cut. All numbers are non-negative.
extension Int {
  /// How many pieces of a size hold this many.
  package func dividedUp(by size: Int) -> Int { (self + size - 1) / size }

  /// The next multiple of a unit, this number itself where it is one.
  package func roundedUp(toMultipleOf unit: Int) -> Int { dividedUp(by: unit) * unit }
}
