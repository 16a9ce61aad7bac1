import Dispatch
import Foundation
import Synchronization

/// Ctrl-C and its kin.
///
/// A signal ends the program at once, unless it is in the middle of `deferred`: work that leaves
/// files behind watches `check` and cleans up. A second signal does not wait for that, but only
/// where it comes later: `timeout` and job control send the same one twice.
package enum Interruption {
  private static let pending = Atomic<Int32>(0)
  private static let firstArrival = Mutex<ContinuousClock.Instant?>(nil)
  private static let patience = Duration.seconds(2)
  private static let deferring = Atomic<Int>(0)

  /// Kept alive for as long as the program runs; written by `install` alone.
  nonisolated(unsafe) private static var sources: [any DispatchSourceSignal] = []

  /// Takes over the signals of the process; for the program alone, not for tests in process.
  package static func install() {
    // A reader that has gone shows as an error of the write instead.
    signal(SIGPIPE, SIG_IGN)
    // So does a file that may not grow any further (ulimit -f).
    signal(SIGXFSZ, SIG_IGN)
    for number in [SIGINT, SIGTERM, SIGHUP] { watch(number) }
  }

  /// Runs work that, once interrupted, still has to clean up.
  package static func deferred<Result>(_ work: () throws -> Result) throws -> Result {
    deferring.add(1, ordering: .sequentiallyConsistent)
    defer { deferring.subtract(1, ordering: .sequentiallyConsistent) }
    try check()
    return try work()
  }

  /// Stops work that was interrupted.
  ///
  /// - Throws: `CommandError.interrupted`.
  package static func check() throws {
    let number = pending.load(ordering: .sequentiallyConsistent)
    if number != 0 { throw CommandError.interrupted(signal: number) }
  }

  /// Whether a signal has come that `check` will tell of.
  static var isPending: Bool { pending.load(ordering: .sequentiallyConsistent) != 0 }

  private static func watch(_ number: Int32) {
    // Where the parent ignores a signal (nohup), it stays ignored.
    var previous = sigaction()
    guard sigaction(number, nil, &previous) == 0 else { return }
    let ignored = unsafeBitCast(SIG_IGN, to: Int.self)
    if unsafeBitCast(previous.__sigaction_handler.sa_handler, to: Int.self) == ignored { return }
    signal(number, SIG_IGN)
    let source = DispatchSource.makeSignalSource(
      signal: number, queue: DispatchQueue.global(qos: .userInteractive))
    source.setEventHandler { receive(number) }
    source.resume()
    sources.append(source)
  }

  private static func receive(_ number: Int32) {
    pending.store(number, ordering: .sequentiallyConsistent)
    let isImpatient = firstArrival.withLock { first in
      if first == nil { first = .now }
      return first.map { ContinuousClock.now - $0 > patience } ?? false
    }
    if deferring.load(ordering: .sequentiallyConsistent) > 0 && !isImpatient { return }
    Console.current.printMessage("error: interrupted by signal \(number)")
    _exit(128 + number)
  }
}
