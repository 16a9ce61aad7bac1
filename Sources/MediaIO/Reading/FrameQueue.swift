import Foundation

/// Frames on their way from the thread that decodes to the one that uses them, a few at most.
final class FrameQueue: @unchecked Sendable {
  /// A frame with the damage known when it was made; the end has none.
  struct Entry {
    let frame: VideoFrame?
    let damage: VideoDamage
  }

  private let condition = NSCondition()
  private let limit: Int
  // Under the condition's lock.
  private var entries: [Entry] = []
  private var failure: (any Error)?
  private var isFinished = false
  private var isAbandoned = false

  /// - Parameter limit: frames that wait at most, at least 1.
  init(limit: Int) { self.limit = limit }

  /// Waits for room and adds an entry.
  ///
  /// - Returns: false where nobody takes any more.
  func put(_ entry: Entry) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while entries.count >= limit && !isAbandoned { condition.wait() }
    if isAbandoned { return false }
    entries.append(entry)
    condition.broadcast()
    return true
  }

  /// Says that no entry follows, because of an error or not.
  func finish(_ error: (any Error)? = nil) {
    condition.lock()
    defer { condition.unlock() }
    failure = error
    isFinished = true
    condition.broadcast()
  }

  /// Waits for an entry and takes it.
  ///
  /// - Returns: nil after the last one.
  /// - Throws: what the producer failed with, after the entries before it.
  func take() throws -> Entry? {
    condition.lock()
    defer { condition.unlock() }
    while entries.isEmpty && !isFinished { condition.wait() }
    if !entries.isEmpty {
      defer { condition.broadcast() }
      return entries.removeFirst()
    }
    if let failure { throw failure }
    return nil
  }

  /// Lets go of all entries and waits until the producer has finished.
  func abandon() {
    condition.lock()
    defer { condition.unlock() }
    isAbandoned = true
    entries = []
    condition.broadcast()
    while !isFinished { condition.wait() }
  }
}
