import Foundation

/// What this process has used, as the system counts it.
package enum ProcessUsage {
  /// Processor time of the calling thread: unlike the time of day it does not depend on what else
  /// the machine is doing.
  package static func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// Resident bytes now, mapped files included.
  package static func residentBytes() throws -> Int { try status("VmRSS") }

  /// The most resident bytes so far, mapped files included.
  package static func peakResidentBytes() throws -> Int { try status("VmHWM") }

  /// Lets `peakResidentBytes` start anew from what is resident now.
  package static func resetPeak() throws {
    try "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
  }

  private static func status(_ field: String) throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    for line in text.split(separator: "\n") where line.hasPrefix(field + ":") {
      return (Int(line.filter(\.isNumber)) ?? 0) << 10
    }
    return 0
  }
}
