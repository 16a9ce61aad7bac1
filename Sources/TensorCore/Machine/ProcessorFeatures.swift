import CKernels
import Foundation

extension Processor {
  /// Instruction sets that both the processor and the operating system support and that some
  /// kernel uses, by their usual names.
  package static var featureNames: [String] {
    let features = Int(fp_cpu_features())
    let names: [(bit: Int, name: String)] = [
      (Int(FP_CPU_NEON), "NEON"),
      (Int(FP_CPU_AVX2), "AVX2+FMA+F16C"),
      (Int(FP_CPU_AVX512), "AVX-512 F/BW/VL/DQ"),
      (Int(FP_CPU_AVX512_BF16), "AVX-512 BF16"),
      (Int(FP_CPU_AVX512_VNNI), "AVX-512 VNNI"),
      (Int(FP_CPU_AMX_BF16), "AMX BF16"),
      (Int(FP_CPU_AMX_INT8), "AMX INT8"),
    ]
    return names.filter { features & $0.bit != 0 }.map(\.name)
  }

  /// The architecture that this program was built for.
  package static var architecture: String {
    #if arch(x86_64)
      "x86_64"
    #elseif arch(arm64)
      "aarch64"
    #else
      "other"
    #endif
  }

  /// One level of cache, as one core sees it.
  package struct Cache: Sendable, Equatable {
    /// 1 is nearest to the core.
    package let level: Int

    /// "Data", "Instruction" or "Unified".
    package let kind: String

    /// All of it, however many share it.
    package let byteCount: Int

    /// Logical processors that share it.
    package let sharedBy: Int
  }

  /// The caches of the first processor that this process may run on; empty where the system does
  /// not tell.
  package static var caches: [Cache] {
    let processor = availableLogicalProcessors[0]
    return (0..<8).compactMap { index in
      cache(folder: "/sys/devices/system/cpu/cpu\(processor)/cache/index\(index)")
    }
  }

  private static func cache(folder: String) -> Cache? {
    guard let level = SystemFile.text("\(folder)/level").flatMap({ Int($0) }),
      let kind = SystemFile.text("\(folder)/type"),
      let size = SystemFile.text("\(folder)/size"), let kilobytes = Int(size.prefix { $0.isNumber })
    else { return nil }
    let shared = SystemFile.text("\(folder)/shared_cpu_list") ?? ""
    let unit = size.hasSuffix("M") ? 1 << 20 : 1 << 10
    return Cache(
      level: level, kind: kind, byteCount: kilobytes * unit, sharedBy: countInList(shared))
  }

  /// Numbers in a list such as "0-3,8".
  package static func countInList(_ list: String) -> Int {
    list.split(separator: ",").reduce(0) { count, range in
      let ends = range.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, last >= first else { return count }
      return count + last - first + 1
    }
  }
}

/// Small files in which the system describes itself.
enum SystemFile {
  /// The text without white space around it, nil where there is no such file: what a system does
  /// not tell is no error.
  static func text(_ path: String) -> String? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
