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

  /// Resident bytes of a mapped file now.
  package static func residentBytes(ofFile path: String) throws -> Int {
    // Such a file has no size, and only its first page would be read in one call.
    let file = FileHandle(forReadingAtPath: "/proc/self/smaps")
    let text = String(decoding: try file?.readToEnd() ?? Data(), as: UTF8.self)
    var isFile = false
    var sum = 0
    for line in text.split(separator: "\n") {
      // A mapping's line begins with its addresses, those that follow with a field's name.
      if line.contains("-"), line.first.map({ $0.isHexDigit && !$0.isUppercase }) ?? false {
        isFile = line.hasSuffix(path)
      } else if isFile, line.hasPrefix("Rss:") {
        sum += (Int(line.filter(\.isNumber)) ?? 0) << 10
      }
    }
    return sum
  }

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
