import CKernelChecks
import TensorCore

extension InstructionSet {
  /// The levels that tests run at: those of this machine, and `amx` by emulation where the
  /// processor has AVX-512 but no AMX. Emulated products are slow (about 1 GFLOP/s): keep the sizes
  /// small.
  package static let tested: [InstructionSet] = {
    _ = fp_amx_emulator_install()
    return available
  }()

  /// Whether the processor lacks this level and an emulator stands in for it.
  package var isEmulated: Bool { self == .amx && InstructionSet.best != .amx }
}
