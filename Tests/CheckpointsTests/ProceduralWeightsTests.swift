import Checkpoints
import Foundation
import TensorCore
import TestSupport
import Testing

@Suite struct ProceduralWeightsTests {
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
