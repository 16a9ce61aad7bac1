import Layers
import TensorCore

extension WanVAEDecoder {
  /// Begins a clip.
  ///
  /// - Parameters:
  ///   - rows: of a latent frame.
  ///   - columns: likewise.
  ///   - tiling: counted in pixels; nil for the whole picture at once.
  /// - Throws: `NetworkError.input`, `.configuration`.
  package func session(
    rows: Int, columns: Int, tiling: VideoTiling? = nil
  ) throws -> Session {
    let unit = config.spatialFactor
    guard rows >= 1, columns >= 1, max(rows, columns) < Int.max / unit else {
      throw NetworkError.input(
        network: WanVAEConfig.network, name: "latents", expected: "rows and columns",
        found: "\(rows) x \(columns)")
    }
    try config.validate(rows: rows * unit, columns: columns * unit)
    try tiling?.validate(unit: unit)
    return Session(self, TileGrid(rows: rows * unit, columns: columns * unit, tiling: tiling))
  }

  /// A clip that is being decoded, in pieces of any number of latent frames.
  ///
  /// The first latent frame gives one frame of pixels, every further one `config.temporalFactor`.
  package struct Session: DecodingSession {
    let decoder: WanVAEDecoder
    let grid: TileGrid
    /// Of every tile.
    var states: [CodingState]
    package internal(set) var latentFrameCount = 0
    /// Bytes that it keeps for the frames to come.
    package var keptByteCount: Int { states.reduce(0) { $0 + $1.byteCount } }

    fileprivate init(_ decoder: WanVAEDecoder, _ grid: TileGrid) {
      self.decoder = decoder
      self.grid = grid
      states = [CodingState](
        repeating: CodingState(slotCount: decoder.slotCount), count: grid.count)
    }

    /// Decodes the next latent frames.
    ///
    /// - Parameters:
    ///   - latents: `[z, frames, rows, columns]` float32, normalised.
    ///   - clamped: whether pixels are moved into -1 ... 1, as they should but for tests.
    /// - Returns: `[frames, rows, columns, 3]` float32.
    /// - Throws: `NetworkError.input`, `TensorError.outOfMemory`.
    package mutating func decode(_ latents: Tensor, clamped: Bool) throws -> Tensor {
      let context = decoder.execution.context
      try require(latents)
      let frames = try latents.channelsLast(on: context)
      let config = decoder.config
      let before = config.pixelFrames(ofLatentFrames: latentFrameCount)
      let total = config.pixelFrames(ofLatentFrames: latentFrameCount + frames.shape[0])
      let result = try Tensor(
        uninitialized: Shape(validating: [total - before, grid.rows.size, grid.columns.size, 3]),
        dtype: .f32)
      var done = 0
      for index in 0..<frames.shape[0] {
        let count = latentFrameCount == 0 ? 1 : config.temporalFactor
        try decode(
          frame: frames.sliced(index..<index + 1), into: result.sliced(done..<done + count))
        latentFrameCount += 1
        done += count
      }
      if clamped { result.clamp(to: -1...1, on: context) }
      return result
    }

    package mutating func decode(_ latents: Tensor) throws -> Tensor {
      try decode(latents, clamped: true)
    }

    private func require(_ latents: Tensor) throws {
      let unit = decoder.config.spatialFactor
      let frames = latents.shape.rank == 4 ? latents.shape[1] : 0
      let shape = [decoder.config.zDim, frames, grid.rows.size / unit, grid.columns.size / unit]
      guard latents.shape.axes == shape, latents.dtype == .f32 else {
        throw NetworkError.input(
          network: WanVAEConfig.network, name: "latents", expected: "float32 \(shape)",
          found: "\(latents.dtype) \(latents.shape)")
      }
    }

    /// - Parameters:
    ///   - frame: `[1, rows, columns, z]`.
    ///   - target: `[frames, rows, columns, 3]`.
    private mutating func decode(frame: Tensor, into target: Tensor) throws {
      guard grid.count > 1 else { return try decode(tile: 0, of: frame, into: target) }
      var tiles: [Tensor] = []
      let latentTiles = grid.divided(by: decoder.config.spatialFactor).tiles
      for (index, (pixels, latents)) in zip(grid.tiles, latentTiles).enumerated() {
        let tile = try Tensor(
          uninitialized: [target.shape[0], pixels.rows.count, pixels.columns.count, 3],
          dtype: .f32)
        try decode(
          tile: index,
          of: frame.sliced(latents.rows, axis: 1).sliced(latents.columns, axis: 2), into: tile)
        tiles.append(tile)
      }
      grid.join(tiles, into: target, on: decoder.execution.context)
    }

    private mutating func decode(tile: Int, of frame: Tensor, into target: Tensor) throws {
      let head = decoder.head
      var done = 0
      try decoder.stages.push(VideoFrame(pixels: frame, isRepeat: false), &states[tile]) {
        try head($0, into: target.sliced(done..<done + 1), &$1)
        done += 1
      }
    }
  }
}
