import Foundation
import Layers
import TensorCore

extension WanVAEEncoder {
  /// Begins a clip.
  ///
  /// - Parameters:
  ///   - rows: of a frame, in pixels: a multiple of `config.spatialFactor`.
  ///   - columns: likewise.
  ///   - tiling: nil for the whole picture at once.
  /// - Throws: `NetworkError.input`, `.configuration`.
  package func session(
    rows: Int, columns: Int, tiling: VideoTiling? = nil
  ) throws -> Session {
    try config.validate(rows: rows, columns: columns)
    try tiling?.validate(unit: config.spatialFactor)
    return Session(self, TileGrid(rows: rows, columns: columns, tiling: tiling))
  }

  /// A clip that is being encoded, in pieces of any number of frames.
  ///
  /// The first frame gives a latent frame, every `config.temporalFactor` frames after it another
  /// one. Frames that repeat the one before them are free once the network's memory has run full of
  /// them, with the very bytes that computing them would give.
  package struct Session: Sendable {
    private let encoder: WanVAEEncoder
    private let grid: TileGrid
    private var states: [CodingState]
    /// A copy of the newest frame, to tell whether the next repeats it.
    private var newest: Tensor?
    /// Frames taken so far.
    package private(set) var frameCount = 0
    /// Bytes that it keeps for the frames to come.
    package var keptByteCount: Int { states.reduce(0) { $0 + $1.byteCount } }

    fileprivate init(_ encoder: WanVAEEncoder, _ grid: TileGrid) {
      self.encoder = encoder
      self.grid = grid
      states = [CodingState](
        repeating: CodingState(slotCount: encoder.slotCount), count: grid.count)
    }

    /// Encodes the next frames.
    ///
    /// - Parameter pixels: `[frames, rows, columns, 3]` float32 in -1 ... 1.
    /// - Returns: the latent frames that they complete, perhaps none.
    /// - Throws: `NetworkError.input`, `TensorError.outOfMemory`.
    package mutating func encode(_ pixels: Tensor) throws -> LatentDistribution {
      try require(pixels, shape: [pixels.shape.rank == 4 ? pixels.shape[0] : 0] + frameShape)
      let pixels = try pixels.contiguous()
      var results = TileResults(grid)
      for index in 0..<pixels.shape[0] {
        try push(pixels.sliced(index..<index + 1), isRepeat: nil, into: &results)
      }
      // The caller may use its memory again.
      if pixels.shape[0] > 0 {
        newest = try pixels.sliced(pixels.shape[0] - 1..<pixels.shape[0]).copied()
      }
      return try distribution(results)
    }

    /// Encodes a frame and then another one several times over, as if `encode` were handed that many
    /// copies.
    ///
    /// - Parameters:
    ///   - picture: `[rows, columns, 3]` float32 in -1 ... 1.
    ///   - rest: of the same shape.
    ///   - count: how many frames `rest` stands for.
    /// - Returns: the latent frames that they complete.
    /// - Throws: `NetworkError.input`, `TensorError.outOfMemory`.
    package mutating func encode(
      picture: Tensor, followedBy rest: Tensor, count: Int
    ) throws -> LatentDistribution {
      try require(picture, shape: frameShape)
      try require(rest, shape: frameShape)
      var results = TileResults(grid)
      let frame = Shape([1] + frameShape)
      try push(picture.reshaped(frame).copied(), isRepeat: nil, into: &results)
      let repeated = try rest.reshaped(frame).copied()
      for index in 0..<count {
        try push(repeated, isRepeat: index == 0 ? nil : true, into: &results)
      }
      return try distribution(results)
    }

    /// Makes sure that no frames are left that make no latent frame.
    ///
    /// - Throws: `NetworkError.input` where the clip's length does not fit.
    package func finish() throws {
      _ = try encoder.config.latentFrames(ofPixelFrames: frameCount)
    }

    // MARK: Frames

    private var frameShape: [Int] { [grid.rows.size, grid.columns.size, 3] }

    private func require(_ pixels: Tensor, shape: [Int]) throws {
      guard pixels.shape.axes == shape, pixels.dtype == .f32 else {
        throw NetworkError.input(
          network: WanVAEConfig.network, name: "pixels", expected: "float32 \(shape)",
          found: "\(pixels.dtype) \(pixels.shape)")
      }
    }

    /// - Parameter isRepeat: whether the frame has the bytes of the one before it; nil to compare.
    private mutating func push(
      _ pixels: Tensor, isRepeat: Bool?, into results: inout TileResults
    ) throws {
      let repeats = isRepeat ?? newest.map { $0.hasSameBytes(as: pixels) } ?? false
      newest = pixels
      frameCount += 1
      for (index, tile) in grid.tiles.enumerated() {
        let view = pixels.sliced(tile.rows, axis: 1).sliced(tile.columns, axis: 2)
        try encoder.stages.push(VideoFrame(pixels: view, isRepeat: repeats), &states[index]) {
          frame, _ in results.frames[index].append(frame.pixels)
        }
      }
    }

    private func distribution(_ results: TileResults) throws -> LatentDistribution {
      let context = encoder.execution.context
      let latentGrid = grid.divided(by: encoder.config.spatialFactor)
      let channels = 2 * encoder.config.zDim
      let frames = results.frames[0].count
      let tiles = try zip(results.frames, latentGrid.tiles).map { frames, tile in
        try Tensor.joined(
          frames, frameShape: [tile.rows.count, tile.columns.count, channels]
        ).channelsFirst(on: context)
      }
      var moments = tiles[0]
      if tiles.count > 1 {
        // Each frame of each channel is a plane.
        let planes = try tiles.map {
          try $0.reshaped([channels * frames, $0.shape[2], $0.shape[3], 1])
        }
        let (rows, columns) = (latentGrid.rows.size, latentGrid.columns.size)
        let canvas = try Tensor(uninitialized: [channels * frames, rows, columns, 1], dtype: .f32)
        latentGrid.join(planes, into: canvas, on: context)
        moments = try canvas.reshaped([channels, frames, rows, columns])
      }
      return LatentDistribution(moments: moments, config: encoder.config, context: context)
    }
  }
}

/// The encoder's last results, `[1, rows, columns, channels]`, for each tile.
private struct TileResults {
  var frames: [[Tensor]]

  init(_ grid: TileGrid) { frames = [[Tensor]](repeating: [], count: grid.count) }
}

extension Tensor {
  /// Frames `[1, ...]` one after another in a new float32 tensor `[frames, ...]`.
  fileprivate static func joined(_ frames: [Tensor], frameShape: [Int]) throws -> Tensor {
    let result = try Tensor(uninitialized: Shape([frames.count] + frameShape), dtype: .f32)
    for (index, frame) in frames.enumerated() {
      result.sliced(index..<index + 1).pointer.copyMemory(
        from: frame.pointer, byteCount: frame.byteCount)
    }
    withExtendedLifetime(frames) {}
    return result
  }

  /// A contiguous copy in memory of its own.
  fileprivate func copied() throws -> Tensor {
    let source = try contiguous()
    let result = try Tensor(uninitialized: shape, dtype: dtype)
    result.pointer.copyMemory(from: source.pointer, byteCount: source.byteCount)
    withExtendedLifetime(source) {}
    return result
  }

  /// Whether two contiguous tensors of one size agree in every byte.
  fileprivate func hasSameBytes(as other: Tensor) -> Bool {
    withExtendedLifetime((self, other)) {
      byteCount == other.byteCount && memcmp(pointer, other.pointer, byteCount) == 0
    }
  }
}
