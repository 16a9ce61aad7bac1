import TensorCore

// What a clip takes: operations for rates, bytes for plans.

extension WanVAEEncoder {
  /// Operations of a clip without repeated frames, a multiply-add counted as two, as executed:
  /// convolutions and attention.
  ///
  /// - Parameters:
  ///   - frames: of pixels.
  ///   - rows: of pixels.
  ///   - columns: of pixels.
  package func operations(frames: Int, rows: Int, columns: Int) -> Double {
    stages.cost(of: ClipSize(frames: frames, rows: rows, columns: columns)).operations
  }

  /// At most about how many bytes encoding takes, the packed weights included and the caller's
  /// tensors not; the length of the clip does not matter.
  ///
  /// - Parameters:
  ///   - rows: of pixels.
  ///   - columns: of pixels.
  package func memoryNeeded(rows: Int, columns: Int, tiling: VideoTiling? = nil) -> Int {
    let grid = TileGrid(rows: rows, columns: columns, tiling: tiling)
    return stages.weightByteCount + stages.memory(of: grid)
  }
}

extension WanVAEDecoder {
  /// Operations of a clip, a multiply-add counted as two, as executed: convolutions (of a doubled
  /// picture, taps that meet the same pixel once) and attention.
  ///
  /// - Parameters:
  ///   - latentFrames: of the clip.
  ///   - rows: of pixels.
  ///   - columns: of pixels.
  package func operations(latentFrames: Int, rows: Int, columns: Int) -> Double {
    let unit = config.spatialFactor
    return (stages + [head]).cost(
      of: ClipSize(frames: latentFrames, rows: rows / unit, columns: columns / unit)
    ).operations
  }

  /// At most about how many bytes decoding takes, the packed weights included and the caller's
  /// tensors not; the length of the clip does not matter.
  ///
  /// - Parameters:
  ///   - rows: of pixels.
  ///   - columns: of pixels.
  package func memoryNeeded(rows: Int, columns: Int, tiling: VideoTiling? = nil) -> Int {
    let grid = TileGrid(rows: rows, columns: columns, tiling: tiling)
    let all = stages + [head]
    // The tiles of one latent frame wait as pixels to be joined.
    let pixels = grid.tiles.reduce(0) { $0 + $1.rows.count * $1.columns.count }
    let waiting = grid.count > 1 ? pixels * 3 * 4 * config.temporalFactor : 0
    return all.weightByteCount + all.memory(of: grid.divided(by: config.spatialFactor)) + waiting
  }

  /// At most about how many bytes a session keeps between two latent frames, and so a saved one
  /// takes.
  ///
  /// - Parameters:
  ///   - rows: of pixels.
  ///   - columns: of pixels.
  package func sessionBytes(rows: Int, columns: Int, tiling: VideoTiling? = nil) -> Int {
    (stages + [head]).keptBytes(
      of: TileGrid(rows: rows, columns: columns, tiling: tiling).divided(by: config.spatialFactor))
  }
}

extension [any FrameStage] {
  fileprivate var weightByteCount: Int { reduce(0) { $0 + $1.weightByteCount } }

  /// What all tiles keep, what the largest takes while a frame passes, and the blocks of memory that
  /// are kept for reuse: already loading the weights fills these.
  fileprivate func memory(of grid: TileGrid) -> Int {
    let passing = costs(of: grid).map(\.passingBytes).max() ?? 0
    return keptBytes(of: grid) + passing + BlockCache.shared.limit
  }

  fileprivate func keptBytes(of grid: TileGrid) -> Int {
    costs(of: grid).reduce(0) { $0 + $1.keptBytes }
  }

  private func costs(of grid: TileGrid) -> [StageCost] {
    grid.tiles.map {
      cost(of: ClipSize(frames: 2, rows: $0.rows.count, columns: $0.columns.count))
    }
  }
}
