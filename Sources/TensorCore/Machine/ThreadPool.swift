import Foundation
import Synchronization

/// Threads that share out numbered pieces of work.
///
/// Which thread takes which piece is left open; a piece must therefore not depend on it. Sums are
/// cut into pieces by the problem's size alone, never by the number of threads, so results are the
/// same for any pool.
///
/// A call is over when its pieces are done: threads that woke up too late for any are not waited
/// for. Between calls that follow one another closely the threads wait actively, for a moment; then
/// they sleep.
package final class ThreadPool: Sendable {
  /// Threads that work, the calling one included.
  package let threadCount: Int

  private let work: SharedWork
  private let busy = Mutex(())
  private let threads: [pthread_t]

  /// Starts all threads but the calling one; they sleep while there is no work.
  ///
  /// - Parameter threadCount: at least 1.
  package init(threadCount: Int) {
    precondition(threadCount >= 1, "a pool needs a thread")
    self.threadCount = threadCount
    // With more threads than cores, one that waits actively keeps another from working.
    let hasCores = threadCount <= Processor.physicalCoreCount
    let work = SharedWork(spinNanoseconds: hasCores ? Self.spinNanoseconds : 0)
    self.work = work
    // Where the system refuses a thread, fewer do the same work.
    threads = (1..<max(threadCount, 1)).compactMap { Self.start(worker: $0, on: work) }
  }

  /// How long a thread waits actively: about what waking it up takes in a virtual machine.
  private static let spinNanoseconds: UInt64 = 80_000

  /// Multiply-adds below which waking other threads costs more than it saves.
  private static let smallWork = 200_000.0

  deinit {
    work.stop()
    for thread in threads { pthread_join(thread, nil) }
  }

  /// Runs `body(piece)` for every piece in 0 ..< count, on all threads, and waits for the end.
  package func forEach(_ count: Int, cost: Double = .infinity, _ body: (Int) -> Void) {
    forEach(count, cost: cost) { piece, _ in body(piece) }
  }

  /// Runs `body(piece, worker)` for every piece; no two calls with the same worker number
  /// (0 ..< threadCount) overlap, so it may choose a scratch buffer.
  ///
  /// A call from inside a body (of any pool) runs on the calling thread alone, as worker 0 of its
  /// own; calls from several threads take turns.
  ///
  /// - Parameter cost: multiply-adds of all pieces together, or what takes as long; a call that is
  ///   over in microseconds is the calling thread's alone.
  package func forEach(_ count: Int, cost: Double = .infinity, _ body: (Int, Int) -> Void) {
    if count <= 0 { return }
    if threads.isEmpty || count == 1 || cost < Self.smallWork || Self.isInsidePool {
      for piece in 0..<count { body(piece, 0) }
      return
    }
    busy.withLock { _ in
      withoutActuallyEscaping(body) { body in
        Self.isInsidePool = true
        work.share(count, body)
        Self.isInsidePool = false
      }
    }
  }

  /// What a new thread is handed.
  private final class Start {
    let work: SharedWork
    let worker: Int

    init(work: SharedWork, worker: Int) {
      self.work = work
      self.worker = worker
    }
  }

  private static func start(worker: Int, on work: SharedWork) -> pthread_t? {
    let start = Unmanaged.passRetained(Start(work: work, worker: worker))
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { argument in
        let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        ThreadPool.isInsidePool = true
        start.work.serve(as: start.worker)
        return nil
      }, start.toOpaque())
    guard result == 0 else {
      start.release()
      return nil
    }
    return thread
  }

  private static let insideKey: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }()

  /// Whether the calling thread is running a body of some pool.
  private static var isInsidePool: Bool {
    get { pthread_getspecific(insideKey) != nil }
    set { pthread_setspecific(insideKey, newValue ? UnsafeRawPointer(bitPattern: 1) : nil) }
  }
}
