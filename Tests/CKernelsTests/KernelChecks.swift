import CKernelChecks
import CKernels
import Testing

/// Every kernel at every instruction set level of this machine, against the plain C version. Level
/// amx is checked by emulation where the processor has AVX-512 but no AMX.
@Suite struct KernelChecks {
  static let amxIsEmulated: Bool = {
    let isEmulated = fp_amx_emulator_install()
    if isEmulated { print("KernelChecks: level amx runs on emulated AMX instructions") }
    return isEmulated
  }()

  /// One check at one level.
  struct Case: Sendable, CustomTestStringConvertible {
    let index: Int32
    let level: fp_isa
    var levelName: String {
      switch level {
      case FP_ISA_NEON: "neon"
      case FP_ISA_AVX2: "avx2"
      case FP_ISA_AVX512: "avx512"
      case FP_ISA_AMX: KernelChecks.amxIsEmulated ? "amx (emulated)" : "amx"
      default: "generic"
      }
    }

    var testDescription: String {
      "\(String(cString: fp_check_at(index).pointee.name)) at level \(levelName)"
    }
  }

  static let cases: [Case] = {
    _ = amxIsEmulated
    return (0..<FP_ISA_COUNT.rawValue).flatMap { level in
      fp_kernels_for(fp_isa(level)) == nil
        ? [] : (0..<fp_check_count()).map { Case(index: $0, level: fp_isa(level)) }
    }
  }()

  @Test func everyLevelIsChecked() {
    let levels = Set(Self.cases.map(\.level.rawValue))
    #expect(levels.contains(FP_ISA_GENERIC.rawValue))
    #expect(levels.contains(fp_cpu_best_isa().rawValue))
    #expect(levels.contains(FP_ISA_AMX.rawValue) || !Self.amxIsEmulated)
  }

  @Test(arguments: cases) func matchesReference(_ check: Case) {
    var message = [CChar](repeating: 0, count: 512)
    let passed = fp_check_perform(
      fp_check_at(check.index), check.level, &message, message.count)
    let text = message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    #expect(passed, "\(check.testDescription): \(text)")
  }
}
