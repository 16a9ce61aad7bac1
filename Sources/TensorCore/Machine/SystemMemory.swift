import Foundation

/// How much memory there is for this process.
package struct SystemMemory: Sendable, Equatable {
  /// Bytes of the machine.
  package let total: Int

  /// Bytes that can be had without swapping: free ones and file pages that can be dropped.
  package let available: Int

  /// The control group's limit, nil where it sets none.
  package let controlGroupLimit: Int?

  /// What the control group uses of its limit, without file pages that can be dropped.
  package let controlGroupUsed: Int?

  /// "always", "madvise" or "never": whether large buffers get 2 MiB pages; nil where unknown.
  package let hugePages: String?

  package init(
    total: Int, available: Int, controlGroupLimit: Int? = nil, controlGroupUsed: Int? = nil,
    hugePages: String? = nil
  ) {
    self.total = total
    self.available = available
    self.controlGroupLimit = controlGroupLimit
    self.controlGroupUsed = controlGroupUsed
    self.hugePages = hugePages
  }

  /// Bytes that this process can still take.
  package var usable: Int {
    guard let controlGroupLimit else { return available }
    return max(0, min(available, controlGroupLimit - (controlGroupUsed ?? 0)))
  }

  /// What the system tells now.
  package static func current() -> SystemMemory {
    let fields = memoryFields(SystemFile.text("/proc/meminfo") ?? "")
    let physical = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE)))
    let total = fields["MemTotal"] ?? physical
    return SystemMemory(
      total: total,
      available: fields["MemAvailable"] ?? fields["MemFree"] ?? total,
      controlGroupLimit: controlGroupLimit(below: total),
      controlGroupUsed: controlGroupUsed(),
      hugePages: SystemFile.text("/sys/kernel/mm/transparent_hugepage/enabled")
        .flatMap(chosenWord))
  }

  /// The most memory that this process has had so far, pages of mapped files included; nil where the
  /// system does not tell.
  package static func peakResident() -> Int? {
    memoryFields(SystemFile.text("/proc/self/status") ?? "")["VmHWM"]
  }

  /// The memory of its own that this process has now: no pages of mapped files; nil where the system
  /// does not tell.
  package static func anonymousResident() -> Int? {
    memoryFields(SystemFile.text("/proc/self/status") ?? "")["RssAnon"]
  }

  /// Bytes by name from the lines "Name:   123 kB" of /proc/meminfo and /proc/self/status.
  package static func memoryFields(_ text: String) -> [String: Int] {
    var fields: [String: Int] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(whereSeparator: { $0 == ":" || $0.isWhitespace })
      if parts.count >= 2, let kilobytes = Int(parts[1]) {
        fields[String(parts[0])] = kilobytes << 10
      }
    }
    return fields
  }

  /// The word in brackets of "always [madvise] never".
  package static func chosenWord(_ text: String) -> String? {
    text.split(separator: " ").first { $0.hasPrefix("[") }
      .map { $0.trimmingCharacters(in: ["[", "]"]) }
  }

  /// Version 2, then version 1 of control groups; a limit above the machine's memory is none.
  private static func controlGroupLimit(below total: Int) -> Int? {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
    return files.compactMap { SystemFile.text($0).flatMap { Int($0) } }.first { $0 < total }
  }

  private static func controlGroupUsed() -> Int? {
    let groups = [
      ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "inactive_file"),
      (
        "/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory/memory.stat",
        "total_inactive_file"
      ),
    ]
    for (usageFile, statistics, droppable) in groups {
      guard let used = SystemFile.text(usageFile).flatMap({ Int($0) }) else { continue }
      let lines = (SystemFile.text(statistics) ?? "").split(separator: "\n")
      let cached = lines.first { $0.hasPrefix("\(droppable) ") }
        .flatMap { Int($0.dropFirst(droppable.count + 1)) }
      return max(0, used - (cached ?? 0))
    }
    return nil
  }
}
