import TensorCore
import Testing

@Suite struct MachineTests {
  @Test func kernelTopicsCoverTheTable() {
    let ranges = KernelTopic.tableRanges.map(\.range).sorted { $0.lowerBound < $1.lowerBound }
    // Padding before and after the level at the table's start, nothing else.
    var end = ranges[0].lowerBound
    #expect(end <= 8)
    for range in ranges {
      #expect(range.lowerBound == end, "a part of the kernel table has no topic")
      end = range.upperBound
    }
    #expect(end == KernelTopic.tableSize)
  }

  @Test func genericLevelProvidesItsOwnKernels() {
    #expect(KernelTopic.all(for: .generic).allSatisfy { $0.providedBy == .generic })
    for level in InstructionSet.available {
      for topic in KernelTopic.all(for: level) {
        #expect(InstructionSet.available.contains(topic.providedBy))
      }
    }
  }

  @Test func memoryOfThisMachine() {
    let memory = SystemMemory.current()
    #expect(memory.total > 0 && memory.available > 0 && memory.available <= memory.total)
    #expect(memory.usable <= memory.available)
  }

  @Test func whatTheSystemWrites() {
    let fields = SystemMemory.memoryFields("MemTotal:       16 kB\nHugePages_Total:       3\nbad\n")
    #expect(fields["MemTotal"] == 16_384)
    #expect(SystemMemory.chosenWord("always [madvise] never") == "madvise")
    #expect(SystemMemory.chosenWord("") == nil)
    #expect(Processor.countInList("0-3,8") == 5)
    #expect(Processor.countInList("3-0,x") == 0)
  }
}

@Suite struct TensorStatisticsTests {
  @Test func valuesThatAreNotFiniteAreCounted() throws {
    let tensor = try Tensor([1, -3, .nan, .infinity, -.infinity, 8], shape: [2, 3])
    let statistics = try tensor.statistics()
    #expect(statistics.minimum == -3 && statistics.maximum == 8 && statistics.mean == 2)
    #expect(statistics.nanCount == 1 && statistics.infinityCount == 2 && statistics.count == 6)
  }

  @Test func emptyAndAllNaN() throws {
    #expect(try Tensor([], shape: [0]).statistics().mean == nil)
    #expect(try Tensor([.nan], shape: [1]).statistics().maximum == nil)
  }

  @Test func threadsDoNotMatter() throws {
    let values = (0..<300_001).map { Float($0 % 1013) * 0.1 - 7 }
    let tensor = try Tensor(values, shape: [values.count]).converted(to: .bf16)
    let results = try [1, 2, 5].map { threads in
      try tensor.statistics(
        on: ComputeContext(instructionSet: .best, threadCount: threads))
    }
    #expect(results[0] == results[1] && results[1] == results[2])
    let view = try Tensor(values.prefix(12).map { $0 }, shape: [3, 4]).permuted([1, 0])
    #expect(try view.statistics().maximum == values.prefix(12).max())
  }
}
