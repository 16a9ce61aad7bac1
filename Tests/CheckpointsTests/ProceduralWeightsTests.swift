import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct ProceduralWeightsTests {
  private struct Configuration: Decodable {
    struct Item: Decodable {
      let name: String
      let shape: [Int]
      let offset: Float
      let scale: Float
      let absolute: Bool
    }
    struct Noise: Decodable {
      let name: String
      let shape: [Int]
      let scale: Float
    }
    let items: [Item]
    let noise: [Noise]
  }

  private static func context(_ level: InstructionSet) throws -> ComputeContext {
    try ComputeContext(instructionSet: level, threadCount: 3)
  }

  @Test(arguments: InstructionSet.available)
  func weightsAreTheGolden(level: InstructionSet) throws {
    let golden = try Golden("procedural")
    let context = try Self.context(level)
    let items = try golden.configuration(as: Configuration.self).items
    #expect(items.count == 13)
    for (index, item) in items.enumerated() {
      let rule = ProceduralRule(name: item.name, shape: Shape(item.shape))
      #expect(
        rule
          == ProceduralRule(offset: item.offset, scale: item.scale, absolute: item.absolute))
      let tensor = try ProceduralWeights.tensor(
        item.name, shape: Shape(item.shape), dtype: .f32, on: context)
      let values = try tensor.floats()
      #expect(try golden.difference(Array(values.prefix(16)), from: "output.first_\(index)") == nil)
      #expect(try golden.difference(Array(values.suffix(16)), from: "output.last_\(index)") == nil)
      let sum = Float(values.reduce(0.0) { $0 + Double($1) })
      #expect(try golden.difference([sum], from: "output.sum_\(index)") == nil)
    }
  }

  @Test func noiseIsTheGolden() throws {
    let golden = try Golden("procedural")
    for (index, item) in try golden.configuration(as: Configuration.self).noise.enumerated() {
      let noise = try ProceduralWeights.noise(
        item.name, shape: Shape(item.shape), scale: item.scale)
      let first = Array(try noise.floats().prefix(32))
      #expect(try golden.difference(first, from: "output.noise_\(index)") == nil)
    }
  }

  @Test func threadsAndTypesChangeNothing() throws {
    let shape: Shape = [257, 1031]
    let one = try ComputeContext(instructionSet: .best, threadCount: 1)
    let wide = try ProceduralWeights.tensor("a.weight", shape: shape, dtype: .f32, on: one)
    for threads in [2, 3, 7] {
      let context = try ComputeContext(instructionSet: .best, threadCount: threads)
      let narrow = try ProceduralWeights.tensor(
        "a.weight", shape: shape, dtype: .bf16, on: context)
      #expect(try narrow.floats() == wide.floats())
    }
  }

  @Test func countersOfBatchesAreZero() throws {
    #expect(
      try ProceduralWeights.tensor("bn.num_batches_tracked", shape: Shape([]), dtype: .f32)
        .floats() == [0])
  }

  @Test func streamedFilesHoldTheSame() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("p.safetensors")
    // Several pieces of the stream, and an empty tensor.
    let entries = [
      TensorEntry(name: "big.weight", dtype: .bf16, shape: [3000, 3000]),
      TensorEntry(name: "small.bias", dtype: .f32, shape: [7]),
      TensorEntry(name: "empty.weight", dtype: .bf16, shape: [0, 3]),
    ]
    let writer = try SafetensorsWriter(path: path, entries: entries)
    for entry in entries { try writer.writeProcedural(entry) }
    try writer.finish()
    let file = try SafetensorsFile(path: path)
    for entry in entries {
      let want = try ProceduralTensorSource(dtype: entry.dtype).claim(
        entry.name, shape: entry.shape)
      #expect(try file.tensor(entry.name).bytes() == want.bytes())
    }
  }
}
