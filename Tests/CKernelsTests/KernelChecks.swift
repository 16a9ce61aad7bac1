import CKernelChecks
import CKernels
import Testing

/// Every kernel at every instruction set level of this machine, against the plain C version.
@Suite struct KernelChecks {
  /// One check at one level.
  struct Case: Sendable, CustomTestStringConvertible {
    let index: Int32
    let level: fp_isa
    var testDescription: String {
      "\(String(cString: fp_check_at(index).pointee.name)) at level \(level.rawValue)"
    }
  }

  static let cases: [Case] = (0..<FP_ISA_COUNT.rawValue).flatMap { level in
    fp_kernels_for(fp_isa(level)) == nil
      ? [] : (0..<fp_check_count()).map { Case(index: $0, level: fp_isa(level)) }
  }

  @Test(arguments: cases) func matchesReference(_ check: Case) {
    var message = [CChar](repeating: 0, count: 512)
    let passed = fp_check_perform(
      fp_check_at(check.index), check.level, &message, message.count)
    let text = message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    #expect(passed, "\(check.testDescription): \(text)")
  }
}
