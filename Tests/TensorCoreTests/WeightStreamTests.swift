import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct WeightStreamTests {
  /// Blocks of a mapped file of 16-byte values, each of its own value.
  private static func blocks(
    _ count: Int, byteCount: Int, in folder: TemporaryFolder
  ) throws -> [[Tensor]] {
    let path = folder.path + "/weights"
    let bytes = (0..<count).flatMap { [UInt8](repeating: UInt8($0 + 1), count: byteCount) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let storage = TensorStorage.mapped(try MappedFile(path: path))
    return (0..<count).map { block in
      // Two tensors of a block, out of order.
      [byteCount / 2, 0].map { offset in
        Tensor(
          storage: storage, dtype: .u8, shape: [byteCount / 2],
          byteOffset: block * byteCount + offset)
      }
    }
  }

  private static func isWhole(_ tensors: [Tensor], _ value: Int) -> Bool {
    tensors.allSatisfy { tensor in
      UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.byteCount)
        .allSatisfy { $0 == UInt8(value) }
    }
  }

  @Test(arguments: [
    WeightResidency.resident, .streamed(keeping: 0), .streamed(keeping: 250_000),
    .streamed(keeping: 1 << 40),
  ])
  func everyBlockIsThereInOrder(_ residency: WeightResidency) throws {
    let folder = try TemporaryFolder()
    let blocks = try Self.blocks(5, byteCount: 100_000, in: folder)
    let stream = WeightStream(residency)
    for repeats in [true, true, false] {
      var seen: [Int] = []
      try stream.forEach(blocks, repeats: repeats) { index in
        #expect(Self.isWhole(blocks[index], index + 1))
        seen.append(index)
      }
      #expect(seen == [0, 1, 2, 3, 4])
    }
  }

  @Test func anErrorEndsIt() throws {
    struct Stop: Error {}
    let folder = try TemporaryFolder()
    let blocks = try Self.blocks(3, byteCount: 10_000, in: folder)
    let stream = WeightStream(.streamed(keeping: 0))
    var seen = 0
    #expect(throws: Stop.self) {
      try stream.forEach(blocks) { index in
        seen += 1
        if index == 1 { throw Stop() }
      }
    }
    #expect(seen == 2)
    try stream.forEach(blocks) { #expect(Self.isWhole(blocks[$0], $0 + 1)) }
  }

  @Test func ownedAndNoWeightsAreLeftAlone() throws {
    let tensor = try Tensor([1, 2, 3], shape: [3])
    var seen = 0
    try WeightStream(.streamed(keeping: 0)).forEach([[tensor], [], [tensor]]) { _ in seen += 1 }
    try WeightStream(.streamed(keeping: 0)).forEach([]) { _ in seen += 100 }
    #expect(seen == 3)
    #expect(try tensor.floats() == [1, 2, 3])
  }

  /// Pages of blocks that were used are not this process's any more.
  @Test func usedBlocksTakeNoMemory() throws {
    let folder = try TemporaryFolder()
    let size = 32 << 20
    let blocks = try Self.blocks(6, byteCount: size, in: folder)
    var largest = 0
    try WeightStream(.streamed(keeping: 0)).forEach(blocks) { index in
      #expect(Self.isWhole(blocks[index], index + 1))
      largest = max(largest, try ProcessUsage.residentBytes(ofFile: folder.path + "/weights"))
    }
    // The block itself, and what is read of the next.
    #expect(largest >= size && largest <= 2 * size, "\(largest) bytes of files in memory")
  }

  @Test func largeWeightsAreStreamed() {
    let memory = SystemMemory(
      total: 1000, available: 1000)
    #expect(WeightResidency.automatic(weights: 700, memory: memory) == .resident)
    #expect(WeightResidency.automatic(weights: 900, memory: memory) == .streamed(keeping: 500))
  }
}
