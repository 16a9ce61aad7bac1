import Synchronization

/// Asks reading to end early; FFmpeg looks at it whenever it waits for a file.
final class StopFlag: Sendable {
  private let isRaised = Atomic<Bool>(false)

  var isSet: Bool { isRaised.load(ordering: .relaxed) }

  func set() { isRaised.store(true, ordering: .relaxed) }
}
