import TensorCore

/// Times an operation in turns with the machine's peak rate, so that a machine whose speed drifts
/// changes both alike and their ratio holds.
struct BenchmarkHarness {
  let context: ComputeContext
  let repeats: Int

  /// A sample shorter than this is too near the clock and the wake-up of threads.
  private static let leastSample = 0.02

  /// - Throws: what the operation throws.
  func measure(_ operation: MeasuredOperation) throws -> BenchmarkReport {
    // The first call touches fresh memory and wakes the threads; its time only sizes a sample.
    _ = try seconds(of: operation, calls: 1)
    let single = try seconds(of: operation, calls: 1)
    let calls = max(1, Int((Self.leastSample / max(single, 1e-9)).rounded(.up)))
    var samples: [Double] = []
    var peaks = [peak(of: operation)]
    for _ in 0..<repeats {
      samples.append(try seconds(of: operation, calls: calls) / Double(calls))
      peaks.append(peak(of: operation))
    }
    return BenchmarkReport(operation, samples: samples, peaks: peaks, on: context)
  }

  private func peak(of operation: MeasuredOperation) -> Double {
    PeakRate.measure(operation.arithmetic, on: context)
  }

  private func seconds(of operation: MeasuredOperation, calls: Int) throws -> Double {
    let start = ContinuousClock.now
    for _ in 0..<calls { try operation.run() }
    return (ContinuousClock.now - start) / .seconds(1)
  }
}
