import Foundation

/// Time and memory of this process, as the system counts them.
package enum ProcessUsage {
  /// Seconds that the calling thread has run, whatever else the machine does.
  package static func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// A field of /proc/self/status in bytes: VmRSS for resident memory, VmHWM for the most so far.
  package static func memory(_ field: String) throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    for line in status.split(separator: "\n") where line.hasPrefix(field + ":") {
      return (Int(line.filter(\.isNumber)) ?? 0) << 10
    }
    return 0
  }
}
