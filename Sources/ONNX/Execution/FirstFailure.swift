import Synchronization

/// The error of the first of several pieces of work, by number, so that it is the same each time.
final class FirstFailure: Sendable {
  private let first = Mutex<(index: Int, error: any Error)?>(nil)

  func note(_ error: any Error, at index: Int) {
    first.withLock { known in
      if known.map({ index < $0.index }) ?? true { known = (index, error) }
    }
  }

  var error: (any Error)? { first.withLock { $0?.error } }
}
