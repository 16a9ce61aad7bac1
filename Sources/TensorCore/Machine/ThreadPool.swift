import Foundation
import Synchronization

/// Threads that share out numbered pieces of work.
///
/// Which thread takes which piece is left open; a piece must therefore not depend on it. Sums are
/// cut into pieces by the problem's size alone, never by the number of threads, so results are the
/// same for any pool.
package final class ThreadPool: @unchecked Sendable {
  /// Threads that work, the calling one included.
  package let threadCount: Int

  private let state = UnsafeMutablePointer<State>.allocate(capacity: 1)
  private let busy = Mutex(())
  private var threads: [pthread_t] = []

  /// What the threads share, under `lock`.
  private struct State {
    var lock = pthread_mutex_t()
    var workArrived = pthread_cond_t()
    var workDone = pthread_cond_t()
    var generation = 0
    var active = 0
    var stopping = false
    var job: Job?
  }

  /// One call of `forEach`.
  private final class Job: @unchecked Sendable {
    let count: Int
    let next = Atomic<Int>(0)

    /// Taken away when the call ends: a thread may let go of the job itself a moment later.
    var body: ((Int, Int) -> Void)?

    init(count: Int, body: @escaping (Int, Int) -> Void) {
      self.count = count
      self.body = body
    }

    func run(worker: Int) {
      guard let body else { return }
      while true {
        let piece = next.add(1, ordering: .relaxed).oldValue
        if piece >= count { return }
        body(piece, worker)
      }
    }
  }

  /// Starts all threads but the calling one; they sleep while there is no work.
  ///
  /// - Parameter threadCount: at least 1.
  package init(threadCount: Int) {
    precondition(threadCount >= 1, "a pool needs a thread")
    self.threadCount = threadCount
    state.initialize(to: State())
    pthread_mutex_init(&state.pointee.lock, nil)
    pthread_cond_init(&state.pointee.workArrived, nil)
    pthread_cond_init(&state.pointee.workDone, nil)
    for worker in 1..<max(threadCount, 1) { start(worker) }
  }

  deinit {
    pthread_mutex_lock(&state.pointee.lock)
    state.pointee.stopping = true
    pthread_cond_broadcast(&state.pointee.workArrived)
    pthread_mutex_unlock(&state.pointee.lock)
    for thread in threads { pthread_join(thread, nil) }
    pthread_cond_destroy(&state.pointee.workDone)
    pthread_cond_destroy(&state.pointee.workArrived)
    pthread_mutex_destroy(&state.pointee.lock)
    state.deinitialize(count: 1)
    state.deallocate()
  }

  /// Runs `body(piece)` for every piece in 0 ..< count, on all threads, and waits for the end.
  package func forEach(_ count: Int, _ body: (Int) -> Void) {
    forEach(count) { piece, _ in body(piece) }
  }

  /// Runs `body(piece, worker)` for every piece; no two calls with the same worker number
  /// (0 ..< threadCount) overlap, so it may choose a scratch buffer.
  ///
  /// A call from inside a body (of any pool) runs on the calling thread alone, as worker 0 of its
  /// own; calls from several threads take turns.
  package func forEach(_ count: Int, _ body: (Int, Int) -> Void) {
    if count <= 0 { return }
    if threadCount == 1 || count == 1 || Self.isInsidePool {
      for piece in 0..<count { body(piece, 0) }
      return
    }
    busy.withLock { _ in
      withoutActuallyEscaping(body) { body in share(Job(count: count, body: body)) }
    }
  }

  private func share(_ job: Job) {
    pthread_mutex_lock(&state.pointee.lock)
    state.pointee.job = job
    state.pointee.generation += 1
    state.pointee.active = threads.count
    pthread_cond_broadcast(&state.pointee.workArrived)
    pthread_mutex_unlock(&state.pointee.lock)

    Self.isInsidePool = true
    job.run(worker: 0)
    Self.isInsidePool = false

    pthread_mutex_lock(&state.pointee.lock)
    while state.pointee.active > 0 {
      pthread_cond_wait(&state.pointee.workDone, &state.pointee.lock)
    }
    state.pointee.job = nil
    job.body = nil
    pthread_mutex_unlock(&state.pointee.lock)
  }

  /// What a new thread is handed.
  private final class Start {
    let state: UnsafeMutablePointer<State>
    let worker: Int

    init(state: UnsafeMutablePointer<State>, worker: Int) {
      self.state = state
      self.worker = worker
    }
  }

  private func start(_ worker: Int) {
    let start = Unmanaged.passRetained(Start(state: state, worker: worker))
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { argument in
        let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        ThreadPool.work(start.state, worker: start.worker)
        return nil
      }, start.toOpaque())
    guard result == 0 else {  // fewer threads do the same work
      start.release()
      return
    }
    threads.append(thread)
  }

  private static func work(_ state: UnsafeMutablePointer<State>, worker: Int) {
    isInsidePool = true
    var seen = 0
    while true {
      pthread_mutex_lock(&state.pointee.lock)
      while !state.pointee.stopping && state.pointee.generation == seen {
        pthread_cond_wait(&state.pointee.workArrived, &state.pointee.lock)
      }
      seen = state.pointee.generation
      let job = state.pointee.job
      let stopping = state.pointee.stopping
      pthread_mutex_unlock(&state.pointee.lock)
      if stopping { return }

      job?.run(worker: worker)

      pthread_mutex_lock(&state.pointee.lock)
      state.pointee.active -= 1
      if state.pointee.active == 0 { pthread_cond_signal(&state.pointee.workDone) }
      pthread_mutex_unlock(&state.pointee.lock)
    }
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
