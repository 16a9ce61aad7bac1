/// Decides when what has been done is worth writing down: what writing costs stays a small share of
/// the time.
struct SavingPace {
  private static let share = 0.04

  private var lastEnd = ContinuousClock.now
  private var cost = Duration.zero

  /// Whether enough was done since the last time.
  var isDue: Bool { (ContinuousClock.now - lastEnd) * Self.share >= cost }

  mutating func save(_ body: () throws -> Void) rethrows {
    let start = ContinuousClock.now
    try body()
    lastEnd = .now
    cost = lastEnd - start
  }
}
