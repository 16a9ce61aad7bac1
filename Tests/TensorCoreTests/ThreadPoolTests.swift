import Foundation
import Synchronization
import TensorCore
import Testing

@Suite struct ThreadPoolTests {
  /// A count that threads share.
  private final class Counter: Sendable {
    private let value = Atomic<Int>(0)
    func increment() { value.add(1, ordering: .relaxed) }
    var count: Int { value.load(ordering: .relaxed) }
  }

  @Test(arguments: [1, 2, 3, 8], [0, 1, 2, 7, 1000])
  func everyPieceRunsOnce(threads: Int, count: Int) {
    let pool = ThreadPool(threadCount: threads)
    let runs = (0..<count).map { _ in Counter() }
    for _ in 0..<20 {
      pool.forEach(count) { piece, worker in
        #expect(worker >= 0 && worker < threads)
        runs[piece].increment()
      }
    }
    #expect(runs.allSatisfy { $0.count == 20 })
  }

  @Test func negativeCountIsNoWork() {
    ThreadPool(threadCount: 2).forEach(-5) { _ in Issue.record("ran") }
  }

  @Test func nestedCallsRunToo() {
    let pool = ThreadPool(threadCount: 3)
    let total = Counter()
    pool.forEach(5) { _ in pool.forEach(7) { _ in total.increment() } }
    #expect(total.count == 35)
  }

  @Test func poolsNestInEachOther() {
    let outer = ThreadPool(threadCount: 3)
    let inner = ThreadPool(threadCount: 2)
    let total = Counter()
    outer.forEach(6) { _ in
      inner.forEach(4) { _ in outer.forEach(2) { _ in total.increment() } }
    }
    #expect(total.count == 48)
  }

  /// Two calls with the same worker number never overlap, so a worker's scratch needs no lock.
  @Test func workersDoNotOverlap() {
    let threads = 4
    let pool = ThreadPool(threadCount: threads)
    let scratch = UnsafeMutablePointer<Int>.allocate(capacity: threads * 16)
    scratch.initialize(repeating: 0, count: threads * 16)
    defer { scratch.deallocate() }
    for _ in 0..<50 {
      nonisolated(unsafe) let counts = scratch
      pool.forEach(1000) { _, worker in counts[16 * worker] += 1 }
    }
    #expect((0..<threads).reduce(0) { $0 + scratch[16 * $1] } == 50_000)
  }

  /// What a call wrote is visible to the caller, and to the next call's other threads.
  @Test func resultsAreVisibleAfterwards() {
    let pool = ThreadPool(threadCount: 4)
    let count = 4096
    let values = UnsafeMutablePointer<Int>.allocate(capacity: count)
    values.initialize(repeating: 0, count: count)
    defer { values.deallocate() }
    nonisolated(unsafe) let shared = values
    for round in 1...100 {
      pool.forEach(64) { piece in
        for index in piece * 64..<piece * 64 + 64 {
          shared[count - 1 - index] = shared[count - 1 - index] + round
        }
      }
    }
    #expect((0..<count).allSatisfy { values[$0] == 5050 })
  }

  @Test(.timeLimit(.minutes(2))) func severalThreadsTakeTurns() {
    let pool = ThreadPool(threadCount: 3)
    let total = Counter()
    let callers = (0..<6).map { _ in
      let thread = Thread {
        for round in 0..<200 { pool.forEach(round % 9) { _ in total.increment() } }
      }
      thread.start()
      return thread
    }
    while !callers.allSatisfy(\.isFinished) { usleep(1000) }
    #expect(total.count == 6 * (0..<200).reduce(0) { $0 + $1 % 9 })
  }

  @Test func tasksOfConcurrencyMayUseIt() async {
    let pool = ThreadPool(threadCount: 3)
    let total = Counter()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<20 {
        group.addTask { pool.forEach(50) { _ in total.increment() } }
      }
    }
    #expect(total.count == 1000)
  }

  @Test(.timeLimit(.minutes(1))) func poolsComeAndGo() {
    let total = Counter()
    for round in 0..<200 {
      let pool = ThreadPool(threadCount: 1 + round % 5)
      if round % 3 != 0 { pool.forEach(10) { _ in total.increment() } }
    }
    #expect(total.count == (0..<200).filter { $0 % 3 != 0 }.count * 10)
  }

  /// The pool lets go of the body, and of what it holds, before the call returns.
  @Test func bodyIsReleased() {
    final class Token: Sendable {}
    let pool = ThreadPool(threadCount: 4)
    for _ in 0..<100 {
      weak var observed: Token?
      do {
        let token = Token()
        observed = token
        pool.forEach(16) { _ in withExtendedLifetime(token) {} }
      }
      #expect(observed == nil)
    }
  }

  @Test func piecesAreSharedOut() {
    let pool = ThreadPool(threadCount: 2)
    let arrived = Counter()
    let workers = (0..<2).map { _ in Counter() }
    // Each of two pieces waits for the other: only two threads can finish.
    pool.forEach(2) { _, worker in
      arrived.increment()
      workers[worker].increment()
      while arrived.count < 2 { sched_yield() }
    }
    #expect(workers.map(\.count) == [1, 1])
  }
}
