import Layers
import TensorCore

extension WanVAEDecoder.Session {
  package func saved() throws -> SavedSession {
    var tensors: [String: Tensor] = [:]
    for (tile, state) in states.enumerated() {
      for contents in contents(ofTile: tile, after: latentFrameCount) {
        let frames = state.memories[contents.slot].frames
        precondition(frames.count == contents.frameCount, "slot \(contents.slot): \(frames.count)")
        for (index, frame) in frames.enumerated() {
          tensors[Self.name(tile, contents.slot, index)] =
            try contents.convolution.bytes(of: frame)
        }
      }
    }
    return SavedSession(description, latentFrames: latentFrameCount, tensors: tensors)
  }

  package mutating func restore(_ saved: SavedSession) throws {
    let network = WanVAEConfig.network
    let count = try saved.latentFrames(for: description, network: network)
    var restored = states.map { _ in CodingState(slotCount: decoder.slotCount) }
    var names: Set<String> = []
    for tile in restored.indices {
      for contents in contents(ofTile: tile, after: count) {
        var memory = FrameMemory()
        memory.runLength = contents.runLength
        for index in 0..<contents.frameCount {
          let name = Self.name(tile, contents.slot, index)
          names.insert(name)
          memory.frames.append(
            try saved.reading(name, network: network) {
              try contents.convolution.restoredFrame(
                $0, rows: contents.rows, columns: contents.columns)
            })
        }
        restored[tile].memories[contents.slot] = memory
      }
    }
    try saved.require(names: names, network: network)
    states = restored
    latentFrameCount = count
  }

  private static func name(_ tile: Int, _ slot: Int, _ frame: Int) -> String {
    "tiles.\(tile).slots.\(slot).frames.\(frame)"
  }

  private var description: String {
    let (rows, columns) = (grid.rows, grid.columns)
    return "\(WanVAEConfig.network) decoder, \(SavedSession.layout(decoder.execution)), "
      + "\(columns.size)x\(rows.size) pixels in \(grid.count) tiles every "
      + "\(columns.stride)x\(rows.stride), overlapping by \(columns.overlap)x\(rows.overlap)"
  }

  /// What every slot of a tile holds after some latent frames.
  private func contents(ofTile tile: Int, after latentFrames: Int) -> [MemoryContents] {
    let size = grid.divided(by: decoder.config.spatialFactor).tiles[tile]
    var clip = ClipSize(
      frames: latentFrames, rows: size.rows.count, columns: size.columns.count)
    return decoder.restorableStages.flatMap { stage in
      defer { clip = stage.cost(of: clip).output }
      return stage.memories(after: clip)
    }
  }
}
