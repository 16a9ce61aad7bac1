import CKernels
import Dispatch

/// The arithmetic rate that this machine reaches right now when operands never leave its registers.
package enum PeakRate {
  /// Runs register-only multiply-adds on all threads for about `seconds`.
  ///
  /// - Returns: operations a second, a multiply-add counted as two.
  package static func measure(
    _ arithmetic: Arithmetic, seconds: Double = 0.05, on context: ComputeContext = .shared
  ) -> Double {
    var rounds: Int64 = 1 << 12
    while true {
      let (operations, elapsed) = run(arithmetic, rounds: rounds, on: context)
      if elapsed >= seconds { return operations / elapsed }
      // Towards the wanted time, at most 16 times longer than the last try.
      rounds = max(rounds + 1, Int64(Double(rounds) * min(16, 1.2 * seconds / max(elapsed, 1e-9))))
    }
  }

  /// Runs register-only multiply-adds on all threads, `rounds` rounds on each.
  ///
  /// - Returns: the operations done and the time they took.
  package static func run(
    _ arithmetic: Arithmetic, rounds: Int64, on context: ComputeContext
  ) -> (operations: Double, seconds: Double) {
    let peak = context.kernels.pointee.peak
    let threads = context.pool.threadCount
    let operations = UnsafeMutablePointer<Double>.allocate(capacity: threads)
    defer { operations.deallocate() }
    let start = DispatchTime.now().uptimeNanoseconds
    context.pool.forEach(threads) { piece in
      var sink: Float = 1
      operations[piece] = peak.run(arithmetic.kernelCompute, rounds, &sink)
    }
    let elapsed = Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
    return ((0..<threads).reduce(0) { $0 + operations[$1] }, elapsed)
  }
}
