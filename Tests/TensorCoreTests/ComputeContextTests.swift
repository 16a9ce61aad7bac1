import CKernels
import TensorCore
import Testing

@Suite struct ComputeContextTests {
  @Test func genericIsAlwaysAvailable() {
    #expect(InstructionSet.available.contains(.generic))
    #expect(InstructionSet.available.contains(.best))
  }

  /// On x86-64 a level brings all lower ones with it.
  @Test func levelsFormALadder() {
    #if arch(x86_64)
      let ladder: [InstructionSet] = [.generic, .avx2, .avx512, .amx]
      let available = InstructionSet.available
      #expect(!available.contains(.neon))
      #expect(available == Array(ladder.prefix(available.count)))
    #elseif arch(arm64)
      #expect(InstructionSet.available == [.generic, .neon])
    #endif
  }

  @Test func tablesNameTheirLevel() {
    for level in InstructionSet.available {
      #expect(fp_kernels_for(level.kernelLevel)?.pointee.isa == level.kernelLevel)
    }
    #expect(fp_kernels_for(FP_ISA_COUNT) == nil)
    #expect(fp_kernels_for(fp_isa(rawValue: 1000)) == nil)
  }

  @Test func environmentChoosesTheLevel() throws {
    #expect(try InstructionSet.selected(environment: [:]) == .best)
    #expect(try InstructionSet.selected(environment: ["FLASHPORTRAIT_ISA": ""]) == .best)
    for level in InstructionSet.available {
      let names = [level.rawValue, level.rawValue.uppercased()]
      for name in names {
        #expect(try InstructionSet.selected(environment: ["FLASHPORTRAIT_ISA": name]) == level)
      }
    }
  }

  @Test func unknownLevelIsRefused() {
    #expect(throws: TensorError.unknownInstructionSet("sse4")) {
      try InstructionSet.selected(environment: ["FLASHPORTRAIT_ISA": "sse4"])
    }
  }

  @Test func unavailableLevelIsRefused() {
    let other: InstructionSet = InstructionSet.available.contains(.neon) ? .avx2 : .neon
    let expected = TensorError.unavailableInstructionSet(
      other.rawValue, best: InstructionSet.best.rawValue)
    #expect(throws: expected) {
      try InstructionSet.selected(environment: ["FLASHPORTRAIT_ISA": other.rawValue])
    }
    #expect(throws: expected) { try ComputeContext(instructionSet: other, threadCount: 1) }
  }

  @Test func contextHoldsWhatWasAskedFor() throws {
    let context = try ComputeContext(instructionSet: .generic, threadCount: 3)
    #expect(context.instructionSet == .generic)
    #expect(context.kernels.pointee.isa == FP_ISA_GENERIC)
    #expect(context.pool.threadCount == 3)
  }

  @Test func sharedContextIsOne() { #expect(ComputeContext.shared === ComputeContext.shared) }
}

@Suite struct ProcessorTests {
  @Test func availableProcessorsAreNumbered() {
    let processors = Processor.availableLogicalProcessors
    #expect(!processors.isEmpty)
    #expect(Set(processors).count == processors.count)
    #expect(processors.allSatisfy { $0 >= 0 })
  }

  @Test func physicalCoresAreAmongThem() {
    #expect(Processor.physicalCoreCount >= 1)
    #expect(Processor.physicalCoreCount <= Processor.availableLogicalProcessors.count)
  }

  @Test func nameHasNoBlanksAround() {
    let name = Processor.name
    #expect(name.first?.isWhitespace != true && name.last?.isWhitespace != true)
    #expect(!name.contains("\0"))
  }
}
