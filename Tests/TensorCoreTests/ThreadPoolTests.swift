import Synchronization
import TensorCore
import Testing

@Suite struct ThreadPoolTests {
  @Test(arguments: [1, 2, 3, 8], [0, 1, 2, 7, 1000])
  func everyPieceRunsOnce(threads: Int, count: Int) {
    let pool = ThreadPool(threadCount: threads)
    let runs = (0..<count).map { _ in Atomic0() }
    for _ in 0..<20 {
      pool.forEach(count) { piece, worker in
        #expect(worker >= 0 && worker < threads)
        runs[piece].value.add(1, ordering: .relaxed)
      }
    }
    #expect(runs.allSatisfy { $0.value.load(ordering: .relaxed) == 20 })
  }

  @Test func nestedCallsRunToo() {
    let pool = ThreadPool(threadCount: 3)
    let total = Atomic0()
    pool.forEach(5) { _ in pool.forEach(7) { _ in total.value.add(1, ordering: .relaxed) } }
    #expect(total.value.load(ordering: .relaxed) == 35)
  }

  private final class Atomic0: Sendable { let value = Atomic<Int>(0) }
}
