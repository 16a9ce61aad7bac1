import Layers
import TensorCore

extension TinyVAEDecoder.Session {
  package func saved() throws -> SavedSession {
    var tensors: [String: Tensor] = [:]
    for (stage, memories) in memories.enumerated() {
      for (block, memory) in memories.enumerated() {
        let frames = try decoder.stages[stage].blocks[block].bytes(of: memory)
        for (index, frame) in frames.enumerated() {
          tensors[Self.name(stage, block, index)] = frame
        }
      }
    }
    return SavedSession(description, latentFrames: latentFrameCount, tensors: tensors)
  }

  package mutating func restore(_ saved: SavedSession) throws {
    let network = TinyVAEConfig.network
    let count = try saved.latentFrames(for: description, network: network)
    var restored = memories
    var names: Set<String> = []
    // Each stage doubles the rows and columns for the next.
    for (stage, scale) in zip(decoder.stages.indices, [1, 2, 4]) {
      for (block, network) in decoder.stages[stage].blocks.enumerated() {
        let frames = try (0..<MemoryBlock.rememberedFrames(of: count)).map { index in
          let name = Self.name(stage, block, index)
          names.insert(name)
          return try saved.reading(name, network: TinyVAEConfig.network) {
            try network.restoredFrame($0, rows: scale * rows, columns: scale * columns)
          }
        }
        restored[stage][block] = CausalFrameCache(frames: frames)
      }
    }
    try saved.require(names: names, network: network)
    memories = restored
    latentFrameCount = count
  }

  private static func name(_ stage: Int, _ block: Int, _ frame: Int) -> String {
    "stages.\(stage).blocks.\(block).frames.\(frame)"
  }

  private var description: String {
    "\(TinyVAEConfig.network) decoder, \(SavedSession.layout(decoder.execution)), "
      + "\(columns)x\(rows) latents" + (normalization == nil ? "" : ", denormalised")
  }
}
