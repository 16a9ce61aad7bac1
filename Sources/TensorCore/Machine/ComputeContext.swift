import CKernels
import Foundation
import Synchronization

/// Instruction set level of the kernels, lowest first on each architecture.
package enum InstructionSet: String, CaseIterable, Sendable {
  case generic, neon, avx2, avx512, amx

  /// The kernels' name for this level.
  package var kernelLevel: fp_isa {
    switch self {
    case .generic: FP_ISA_GENERIC
    case .neon: FP_ISA_NEON
    case .avx2: FP_ISA_AVX2
    case .avx512: FP_ISA_AVX512
    case .amx: FP_ISA_AMX
    }
  }

  /// The levels that this machine can run.
  package static var available: [InstructionSet] {
    allCases.filter { fp_kernels_for($0.kernelLevel) != nil }
  }

  /// The highest level that the processor itself can run; one that a test emulates is available,
  /// but never the best.
  package static var best: InstructionSet {
    let level = fp_cpu_best_isa()
    return allCases.last { $0.kernelLevel == level } ?? .generic
  }

  /// The level that `FLASHPORTRAIT_ISA` asks for, else the best.
  ///
  /// - Throws: `TensorError.unknownInstructionSet`, `.unavailableInstructionSet`.
  package static func selected(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> InstructionSet {
    guard let name = environment["FLASHPORTRAIT_ISA"], !name.isEmpty else { return best }
    guard let level = InstructionSet(rawValue: name.lowercased()) else {
      throw TensorError.unknownInstructionSet(name)
    }
    guard available.contains(level) else {
      throw TensorError.unavailableInstructionSet(name, best: best.rawValue)
    }
    return level
  }
}

/// What operations run on: the kernels of one instruction set and a pool of threads.
package final class ComputeContext: Sendable {
  /// The level whose kernels run.
  package let instructionSet: InstructionSet
  /// The kernels of that level; they live as long as the program.
  nonisolated(unsafe) package let kernels: UnsafePointer<fp_kernels>
  /// The threads that share the work.
  package let pool: ThreadPool

  /// - Throws: `TensorError.unavailableInstructionSet`.
  package init(instructionSet: InstructionSet, threadCount: Int) throws {
    guard let kernels = fp_kernels_for(instructionSet.kernelLevel) else {
      throw TensorError.unavailableInstructionSet(
        instructionSet.rawValue, best: InstructionSet.best.rawValue)
    }
    self.instructionSet = instructionSet
    self.kernels = kernels
    pool = ThreadPool(threadCount: threadCount)
  }

  /// The context of operations that name none: all physical cores and the level that
  /// `FLASHPORTRAIT_ISA` asks for, unless `configure` said otherwise before the first use.
  package static var shared: ComputeContext {
    chosen.withLock { context in
      if let context { return context }
      // An impossible FLASHPORTRAIT_ISA is reported by the command line, which calls `configure`.
      let level = (try? InstructionSet.selected()) ?? .best
      guard
        let made = try? ComputeContext(
          instructionSet: level, threadCount: Processor.physicalCoreCount)
      else { preconditionFailure("the generic kernels are always there") }
      context = made
      return made
    }
  }

  /// Sets the shared context: `--threads` and `FLASHPORTRAIT_ISA`.
  ///
  /// - Throws: `TensorError` where the environment asks for what the machine lacks.
  package static func configure(threadCount: Int? = nil) throws {
    let made = try ComputeContext(
      instructionSet: .selected(), threadCount: threadCount ?? Processor.physicalCoreCount)
    chosen.withLock { $0 = made }
  }

  private static let chosen = Mutex<ComputeContext?>(nil)
}
