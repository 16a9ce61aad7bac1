import CKernels
import Foundation

/// What the machine's processor is and how many cores this process may use.
package enum Processor {
  /// The processor's own name, empty where it does not tell.
  package static var name: String {
    String(cString: fp_cpu_name()).trimmingCharacters(in: .whitespaces)
  }

  /// Logical processors that the scheduler lets this process run on.
  package static var availableLogicalProcessors: [Int] {
    var processors = [Int32](repeating: 0, count: 4096)
    let count = Int(fp_cpu_allowed_processors(&processors, Int32(processors.count)))
    guard count > 0 else { return Array(0..<ProcessInfo.processInfo.activeProcessorCount) }
    return processors.prefix(count).map(Int.init)
  }

  /// Physical cores among them: hyper-threads of one core share its arithmetic units, so a second
  /// thread on it only competes. Never more than the control group's quota.
  package static let physicalCoreCount: Int = {
    let quota = controlGroupQuota ?? .infinity
    return max(1, min(allowedCoreCount, quota.isFinite ? Int(quota.rounded(.up)) : .max))
  }()

  /// Physical cores that the scheduler lets this process run on, whatever the quota.
  package static var allowedCoreCount: Int {
    Set(availableLogicalProcessors.map { firstSibling(of: $0) ?? $0 }).count
  }

  /// The lowest-numbered logical processor on the same core.
  private static func firstSibling(of processor: Int) -> Int? {
    let path = "/sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list"
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    return Int(text.prefix { $0.isNumber })
  }

  /// Processors that the control group (version 2) allows, nil where it sets no limit.
  package static var controlGroupQuota: Double? {
    guard let text = try? String(contentsOfFile: "/sys/fs/cgroup/cpu.max", encoding: .utf8) else {
      return nil
    }
    let fields = text.split(whereSeparator: \.isWhitespace)
    guard fields.count == 2, let quota = Double(fields[0]), let period = Double(fields[1]),
      period > 0
    else { return nil }
    return quota / period
  }
}
