import CKernels
import Foundation
import Synchronization

/// The pieces of one call at a time, taken by the threads of a pool.
///
/// `body` and `count` belong to the calling thread while no piece is open; a thread reads them only
/// after it took a piece, and the call does not end before that piece is done.
final class SharedWork: @unchecked Sendable {
  /// Pieces that nobody has taken; negative where threads asked in vain.
  private let open = Atomic<Int>(0)
  /// Pieces of this call that are done.
  private let done = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let callerSleeps = Atomic<Bool>(false)
  private let stopping = Atomic<Bool>(false)

  private var count = 0
  private var body: ((Int, Int) -> Void)?

  private let spinNanoseconds: UInt64
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let workArrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let workDone = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// - Parameter spinNanoseconds: how long to wait actively before going to sleep.
  init(spinNanoseconds: UInt64) {
    self.spinNanoseconds = spinNanoseconds
    lock.initialize(to: pthread_mutex_t())
    workArrived.initialize(to: pthread_cond_t())
    workDone.initialize(to: pthread_cond_t())
    pthread_mutex_init(lock, nil)
    pthread_cond_init(workArrived, nil)
    pthread_cond_init(workDone, nil)
  }

  deinit {
    pthread_cond_destroy(workDone)
    pthread_cond_destroy(workArrived)
    pthread_mutex_destroy(lock)
    workDone.deallocate()
    workArrived.deallocate()
    lock.deallocate()
  }

  /// Runs all pieces, on the calling thread as worker 0 and on those that serve. One call at a time.
  func share(_ count: Int, _ body: @escaping (Int, Int) -> Void) {
    self.count = count
    self.body = body
    done.store(0, ordering: .relaxed)
    // In one order with `sleepers`: a thread sees the pieces, or it is seen asleep.
    open.store(count, ordering: .sequentiallyConsistent)
    wake(min(count - 1, sleepers.load(ordering: .sequentiallyConsistent)))

    _ = run(as: 0)
    let isDone = { self.done.load(ordering: .sequentiallyConsistent) == count }
    if !spin(until: isDone) {
      pthread_mutex_lock(lock)
      callerSleeps.store(true, ordering: .sequentiallyConsistent)
      while !isDone() { pthread_cond_wait(workDone, lock) }
      callerSleeps.store(false, ordering: .relaxed)
      pthread_mutex_unlock(lock)
    }
    self.body = nil
  }

  private func wake(_ threads: Int) {
    guard threads > 0 else { return }
    // Nobody is between looking for work and falling asleep any more once this has the lock.
    pthread_mutex_lock(lock)
    pthread_mutex_unlock(lock)
    for _ in 0..<threads { pthread_cond_signal(workArrived) }
  }

  /// Takes pieces until none is left.
  ///
  /// - Returns: whether it did the last one that was not done.
  private func run(as worker: Int) -> Bool {
    var finished = 0
    var total = 0
    while open.load(ordering: .relaxed) > 0 {
      let left = open.subtract(1, ordering: .acquiring).oldValue
      guard left > 0 else { break }
      total = count
      body?(total - left, worker)
      finished += 1
    }
    guard finished > 0 else { return false }
    return done.add(finished, ordering: .sequentiallyConsistent).newValue == total
  }

  /// What a thread of the pool does until `stop`.
  func serve(as worker: Int) {
    while awaitWork() {
      guard run(as: worker), callerSleeps.load(ordering: .sequentiallyConsistent) else { continue }
      pthread_mutex_lock(lock)
      pthread_mutex_unlock(lock)
      pthread_cond_signal(workDone)
    }
  }

  /// - Returns: false where the pool stops.
  private func awaitWork() -> Bool {
    let isAwaited = {
      self.open.load(ordering: .sequentiallyConsistent) > 0
        || self.stopping.load(ordering: .relaxed)
    }
    if !spin(until: isAwaited) {
      pthread_mutex_lock(lock)
      sleepers.add(1, ordering: .sequentiallyConsistent)
      while !isAwaited() { pthread_cond_wait(workArrived, lock) }
      sleepers.subtract(1, ordering: .relaxed)
      pthread_mutex_unlock(lock)
    }
    return !stopping.load(ordering: .relaxed)
  }

  /// Ends `serve` on all threads.
  func stop() {
    pthread_mutex_lock(lock)
    stopping.store(true, ordering: .relaxed)
    pthread_cond_broadcast(workArrived)
    pthread_mutex_unlock(lock)
  }

  /// Waits actively, for a moment at most.
  ///
  /// - Returns: whether the condition came true.
  private func spin(until condition: () -> Bool) -> Bool {
    if condition() { return true }
    guard spinNanoseconds > 0 else { return false }
    let end = Self.now + spinNanoseconds
    repeat {
      for _ in 0..<16 {
        fp_cpu_pause()
        if condition() { return true }
      }
    } while Self.now < end
    return false
  }

  /// Nanoseconds since some moment.
  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
