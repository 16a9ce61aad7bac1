import TensorCore

/// What passes through a network take besides time.
final class PassUsage {
  private var peak = 0
  private var waits: [Double] = []
  private var waited = 0.0

  /// Notes the memory that is in use now.
  func sample() { peak = max(peak, SystemMemory.anonymousResident() ?? 0) }

  /// - Parameter waited: seconds in all passes so far.
  func endPass(waited total: Double) {
    waits.append(total - waited)
    waited = total
  }

  /// The most of the process's own memory in any sample.
  var ownMemory: MeasuredOperation.Note {
    .init(
      key: "peak_anonymous_bytes", title: "own memory", value: Double(peak),
      text: formatBytes(peak) + " at its peak, without mapped files")
  }

  /// The wait of a pass.
  var waiting: MeasuredOperation.Note {
    // The first two calls are not timed, and the first finds an empty file cache.
    let wait = median(Array(waits.dropFirst(2)))
    return .init(
      key: "seconds_waiting", title: "waiting", value: wait,
      text: BenchmarkReport.formatSeconds(wait) + " of the time for weights from disk")
  }
}
