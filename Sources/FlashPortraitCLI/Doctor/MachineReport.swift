import Foundation
import TensorCore

/// What this machine offers, for `doctor`.
struct MachineReport: Encodable {
  struct Core: Encodable {
    let logical: Int
    let physical: Int
    let quota: Double?
    let threads: Int
  }

  struct CacheLevel: Encodable {
    let level: Int
    let kind: String
    let bytes: Int
    let sharedBy: Int
  }

  struct Kernel: Encodable {
    let topic: String
    let level: String
  }

  struct Memory: Encodable {
    let total: Int
    let available: Int
    let controlGroupLimit: Int?
    let usable: Int
    let hugePages: String?
  }

  let processor: String
  let architecture: String
  let features: [String]
  let instructionSets: [String]
  let instructionSet: String
  let cores: Core
  let caches: [CacheLevel]
  let kernels: [Kernel]
  let memory: Memory
  let disks: [DiskReport]
  let openblas: String
  let kernel: String
  let libc: String

  /// Asks the system; nothing is changed.
  static func current(on context: ComputeContext) -> MachineReport {
    let memory = SystemMemory.current()
    return MachineReport(
      processor: Processor.name,
      architecture: Processor.architecture,
      features: Processor.featureNames,
      instructionSets: InstructionSet.available.map(\.rawValue),
      instructionSet: context.instructionSet.rawValue,
      cores: Core(
        logical: Processor.availableLogicalProcessors.count,
        physical: Processor.allowedCoreCount, quota: Processor.controlGroupQuota,
        threads: context.pool.threadCount),
      caches: Processor.caches.map {
        CacheLevel(level: $0.level, kind: $0.kind, bytes: $0.byteCount, sharedBy: $0.sharedBy)
      },
      kernels: KernelTopic.all(for: context.instructionSet).map {
        Kernel(topic: $0.name, level: $0.providedBy.rawValue)
      },
      memory: Memory(
        total: memory.total, available: memory.available,
        controlGroupLimit: memory.controlGroupLimit, usable: memory.usable,
        hugePages: memory.hugePages),
      disks: DiskReport.current(),
      openblas: OpenBLAS.configuration,
      kernel: systemName(), libc: libraryName())
  }

  private static func systemName() -> String {
    var name = utsname()
    guard uname(&name) == 0 else { return "unknown" }
    return "\(text(of: name.sysname)) \(text(of: name.release))"
  }

  /// The text in a C array of characters.
  private static func text<Characters>(of characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  private static func libraryName() -> String {
    #if canImport(Glibc)
      var text = [UInt8](repeating: 0, count: 64)
      let length = confstr(Int32(_CS_GNU_LIBC_VERSION), &text, text.count)
      return length > 0 ? String(decoding: text.prefix { $0 != 0 }, as: UTF8.self) : "unknown"
    #else
      return "unknown"
    #endif
  }
}

/// Room and kind of the file system under a folder.
struct DiskReport: Encodable {
  let use: String
  let path: String
  let fileSystem: String
  let available: Int
  let total: Int

  /// The folder that the program was started in, and that for temporary files.
  static func current() -> [DiskReport] {
    [
      DiskReport(use: "current folder", path: FileManager.default.currentDirectoryPath),
      DiskReport(use: "temporary files", path: FileManager.default.temporaryDirectory.path),
    ].compactMap { $0 }
  }

  /// - Returns: nil where the folder cannot be asked.
  init?(use: String, path: String) {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    let unit = Int(clamping: status.f_frsize)
    self.use = use
    self.path = path
    available = Int(clamping: status.f_bavail) * unit
    total = Int(clamping: status.f_blocks) * unit
    fileSystem = MountTable.current().fileSystem(of: path) ?? "unknown"
  }
}

/// The mounted file systems, as /proc/self/mountinfo lists them.
struct MountTable {
  private var types: [String: String] = [:]

  init(_ text: String) {
    for line in text.split(separator: "\n") {
      // "36 35 98:0 /root /mount options shared:1 - type source options"
      let halves = line.components(separatedBy: " - ")
      guard halves.count == 2, let type = halves[1].split(separator: " ").first else { continue }
      let fields = halves[0].split(separator: " ")
      if fields.count > 4 { types[String(fields[4])] = String(type) }
    }
  }

  static func current() -> MountTable {
    let text = try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
    return MountTable(text ?? "")  // other systems have no such file: the type stays unknown
  }

  /// Type of the file system that holds an absolute path.
  func fileSystem(of path: String) -> String? {
    var folder = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    while true {
      if let type = types[folder] { return type }
      if folder == "/" || folder.isEmpty { return nil }
      folder = URL(fileURLWithPath: folder).deletingLastPathComponent().path
    }
  }
}
