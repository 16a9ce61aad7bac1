import Layers
import TensorCore

/// The encoder of the tiny video autoencoder: pixels to latents, frame by frame (`session`).
package struct TinyVAEEncoder: Sendable {
  package let config: TinyVAEConfig
  /// How it computes.
  package let execution: Execution

  /// `pooling` frames to one, half the rows and columns, then memory blocks.
  struct Stage: Sendable {
    let pooling: Int
    /// Stored as a 1x1 convolution of the frames' channels together; it runs as one over time that
    /// steps from group to group.
    let pool: Convolution
    let halve: Convolution
    let blocks: [MemoryBlock]
  }

  let entrance: Convolution
  let entrancePrologue: PixelPrologue
  let stages: [Stage]
  let head: Convolution

  /// Patterns of the names that it claims.
  package static let tensorNames = ["encoder.*"]

  /// - Parameter weights: by the published names.
  /// - Throws: `NetworkError.configuration`, also where the checkpoint has no encoder; what the
  ///   source throws; `TensorError`.
  package init(
    _ config: TinyVAEConfig, weights: any TensorSource, execution: Execution
  ) throws {
    try config.validate()
    guard let width = config.encoderWidth else {
      throw NetworkError.configuration(
        network: TinyVAEConfig.network, key: "encoder_width",
        expected: "a checkpoint with an encoder", found: "none")
    }
    self.config = config
    self.execution = execution
    let encoder = weights.scoped("encoder.")
    entrance = try .plane(3, width, weights: encoder.scoped("0."), execution: execution)
    // Pixels go in as 0 ... 1.
    let half = try Tensor([0.5, 0.5, 0.5], shape: [3])
    entrancePrologue = PixelPrologue(multiply: half, add: half)
    stages = try TinyVAEConfig.pooling.enumerated().map { stage, pooling in
      let first = 2 + 5 * stage
      return Stage(
        pooling: pooling,
        pool: try Self.pool(
          width, pooling, weights: encoder.scoped("\(first).conv."), execution: execution),
        halve: try .plane(
          width, width, bias: false, geometry: .init(stride: [1, 2, 2], padding: [0, 1, 1]),
          weights: encoder.scoped("\(first + 1)."), execution: execution),
        blocks: try .init(width, first: first + 2, weights: encoder, execution: execution))
    }
    head = try .plane(
      width, config.latentChannels, weights: encoder.scoped("17."), execution: execution)
  }

  /// Claims "weight" of `[width, (frame, width), 1, 1]`.
  private static func pool(
    _ width: Int, _ frames: Int, weights: any TensorSource, execution: Execution
  ) throws -> Convolution {
    let weight = try weights.claim("weight", shape: [width, frames * width, 1, 1], as: .f32)
    let byFrame = try weight.reshaped([width, frames, width]).permuted([0, 2, 1]).contiguous()
    return try Convolution(
      weight: byFrame.reshaped([width, width, frames, 1, 1]),
      geometry: .init(stride: [frames, 1, 1]), arithmetic: execution.floatingArithmetic,
      on: execution.context)
  }

  /// Encodes a whole clip; where its frames are no multiple of four, the last one is repeated.
  ///
  /// - Parameter pixels: `[frames, rows, columns, 3]` float32 in -1 ... 1.
  /// - Returns: `[channels, frames, rows, columns]` float32.
  /// - Throws: `NetworkError.input`, `TensorError.outOfMemory`.
  package func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    var session = session()
    let latents = try session.encode(pixels)
    guard let rest = try session.finish() else { return latents }
    return try latents.joined(with: rest)
  }

  /// Begins a clip.
  package func session() -> Session { Session(self) }
}

extension TinyVAEEncoder {
  /// A clip that is being encoded, in pieces of any number of frames; the pieces' sizes do not change
  /// a bit of the result.
  package struct Session: Sendable {
    private let encoder: TinyVAEEncoder
    /// Of each stage's blocks.
    private var memories: [[CausalFrameCache]]
    /// Frames that wait for the others of their latent frame: `[rows, columns, 3]` each.
    private var waiting: [Tensor] = []
    /// Rows, columns and channels of the clip's frames.
    private var frameShape: Shape?

    fileprivate init(_ encoder: TinyVAEEncoder) {
      self.encoder = encoder
      memories = encoder.stages.map {
        [CausalFrameCache](repeating: CausalFrameCache(), count: $0.blocks.count)
      }
    }

    /// Encodes the next frames.
    ///
    /// - Parameter pixels: `[frames, rows, columns, 3]` float32 in -1 ... 1.
    /// - Returns: `[channels, frames, rows, columns]` float32: the latent frames that are complete,
    ///   perhaps none.
    /// - Throws: `NetworkError.input`, `TensorError.outOfMemory`.
    package mutating func encode(_ pixels: Tensor) throws -> Tensor {
      let shape = try frame(of: pixels)
      frameShape = shape
      for index in 0..<pixels.shape[0] {
        waiting.append(try pixels.sliced(index..<index + 1).reshaped(shape))
      }
      let unit = TinyVAEConfig.temporalFactor
      var latents: [Tensor] = []
      while waiting.count >= unit {
        latents.append(try encode(group: Array(waiting.prefix(unit))))
        waiting.removeFirst(unit)
      }
      // The caller may reuse its tensor.
      waiting = try waiting.map { try $0.affine(scale: 1) }
      return try collected(latents, shape)
    }

    /// Completes the last latent frame by repeating the last frame of pixels.
    ///
    /// - Returns: `[channels, 1, rows, columns]` float32, nil where nothing was left over.
    package mutating func finish() throws -> Tensor? {
      guard let last = waiting.last, let frameShape else { return nil }
      let missing = TinyVAEConfig.temporalFactor - waiting.count
      let group = waiting + [Tensor](repeating: last, count: missing)
      waiting = []
      return try collected([try encode(group: group)], frameShape)
    }

    private func frame(of pixels: Tensor) throws -> Shape {
      let axes = pixels.shape.axes
      let isPicture = axes.count == 4 && axes[1] >= 1 && axes[2] >= 1 && axes[3] == 3
      let found = Shape(Array(axes.dropFirst()))
      guard isPicture, pixels.dtype == .f32, frameShape == nil || frameShape == found else {
        throw NetworkError.input(
          network: TinyVAEConfig.network, name: "pixels",
          expected: "float32 [frames, rows, columns, 3]"
            + (frameShape.map { ", frames of \($0)" } ?? ""),
          found: "\(pixels.dtype) \(pixels.shape)")
      }
      return found
    }

    /// - Parameter group: the frames of a latent frame.
    /// - Returns: `[1, rows, columns, channels]` float32.
    private mutating func encode(group: [Tensor]) throws -> Tensor {
      let execution = encoder.execution
      let type = execution.activationType
      var x: Tensor?
      for (index, stage) in encoder.stages.enumerated() {
        if let input = x {
          x = try stage.halve(stage.pool(input, outputType: type), outputType: type)
        } else {
          x = try enter(stage, group)
        }
        for block in stage.blocks.indices {
          x = try x.map { try stage.blocks[block]($0, memory: &memories[index][block], execution) }
        }
      }
      guard let x else { preconditionFailure("an encoder without stages") }
      return try encoder.head(x)
    }

    /// The entrance and the first stage up to its blocks, pool by pool: nothing is larger than the
    /// frames here.
    private func enter(_ stage: Stage, _ group: [Tensor]) throws -> Tensor {
      let type = encoder.execution.activationType
      var result: Tensor?
      for start in stride(from: 0, to: group.count, by: stage.pooling) {
        let sources = group[start..<start + stage.pooling].map {
          [PixelSource($0, prologue: encoder.entrancePrologue)]
        }
        let (rows, columns) = (group[0].shape[0], group[0].shape[1])
        let frames = try encoder.entrance.convolve(
          encoder.entrance.padded(sources, rows: rows, columns: columns), rows: rows,
          columns: columns, framePadding: 0, epilogue: .init(activation: .relu), outputType: type)
        let pooled = try stage.pool(frames, outputType: type)
        let half = try stage.halve(pooled, outputType: type)
        var axes = half.shape.axes
        axes[0] = group.count / stage.pooling
        let target = try result ?? Tensor(uninitialized: Shape(axes), dtype: type)
        let place = start / stage.pooling
        _ = try half.affine(scale: 1, into: target.sliced(place..<place + 1))
        result = target
      }
      guard let result else { preconditionFailure("no frames") }
      return result
    }

    /// `[1, rows, columns, channels]` each to `[channels, frames, rows, columns]`.
    private func collected(_ latents: [Tensor], _ frame: Shape) throws -> Tensor {
      let unit = TinyVAEConfig.spatialFactor
      let context = encoder.execution.context
      var result = try Tensor(
        uninitialized: [
          encoder.config.latentChannels, 0, frame[0].dividedUp(by: unit),
          frame[1].dividedUp(by: unit),
        ], dtype: .f32)
      for latent in latents {
        let picture = try latent.channelsFirst(on: context)
        result = result.shape[1] == 0 ? picture : try result.joined(with: picture)
      }
      return result
    }
  }
}

extension Tensor {
  /// `[channels, frames, ...]` followed by more frames of the same clip.
  fileprivate func joined(with other: Tensor) throws -> Tensor {
    if shape[1] == 0 { return other }
    let parts = [try contiguous(), try other.contiguous()]
    var axes = shape.axes
    axes[1] += other.shape[1]
    let result = try Tensor(uninitialized: Shape(axes), dtype: dtype)
    let rows = parts.map { $0.byteCount / shape[0] }
    for channel in 0..<shape[0] {
      var target = result.pointer + channel * (rows[0] + rows[1])
      for (part, bytes) in zip(parts, rows) {
        target.copyMemory(from: part.pointer + channel * bytes, byteCount: bytes)
        target += bytes
      }
    }
    withExtendedLifetime(parts) {}
    return result
  }
}
