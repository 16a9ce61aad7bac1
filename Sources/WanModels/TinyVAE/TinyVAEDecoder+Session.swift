import Layers
import TensorCore

extension TinyVAEDecoder {
  /// Begins a clip.
  ///
  /// - Parameters:
  ///   - rows: of a latent frame.
  ///   - columns: likewise.
  ///   - normalization: whose normalisation of latents is undone first; nil for latents as they are,
  ///     which is what the published pipeline decodes.
  /// - Throws: `NetworkError.input`, `.configuration`.
  package func session(
    rows: Int, columns: Int, undoing normalization: WanVAEConfig? = nil
  ) throws -> Session {
    // So that no count of pixels overflows.
    guard (1...1 << 20).contains(rows), (1...1 << 20).contains(columns) else {
      throw NetworkError.input(
        network: TinyVAEConfig.network, name: "latents",
        expected: "1 to \(1 << 20) rows and columns", found: "\(rows) x \(columns)")
    }
    if let normalization, normalization.zDim != config.latentChannels {
      throw NetworkError.configuration(
        network: TinyVAEConfig.network, key: "latent_channels", expected: "\(normalization.zDim)",
        found: "\(config.latentChannels)")
    }
    return Session(self, rows: rows, columns: columns, normalization)
  }

  /// A clip that is being decoded, in pieces of any number of latent frames; the pieces' sizes do not
  /// change a bit of the result.
  ///
  /// The first latent frame gives one frame of pixels, every further one four.
  package struct Session: DecodingSession {
    let decoder: TinyVAEDecoder
    let rows: Int
    let columns: Int
    let normalization: WanVAEConfig?
    /// Of each stage's blocks.
    var memories: [[CausalFrameCache]]
    package internal(set) var latentFrameCount = 0

    fileprivate init(
      _ decoder: TinyVAEDecoder, rows: Int, columns: Int, _ normalization: WanVAEConfig?
    ) {
      self.decoder = decoder
      self.rows = rows
      self.columns = columns
      self.normalization = normalization
      memories = decoder.stages.map {
        [CausalFrameCache](repeating: CausalFrameCache(), count: $0.blocks.count)
      }
    }

    /// Decodes the next latent frames.
    ///
    /// - Parameter latents: `[channels, frames, rows, columns]` float32.
    /// - Returns: `[frames, rows, columns, 3]` float32 in -1 ... 1.
    /// - Throws: `NetworkError.input`, `TensorError.outOfMemory`.
    package mutating func decode(_ latents: Tensor) throws -> Tensor {
      let count = latents.shape.rank == 4 ? latents.shape[1] : 0
      let shape: Shape = [decoder.config.latentChannels, count, rows, columns]
      guard latents.shape == shape, latents.dtype == .f32 else {
        throw NetworkError.input(
          network: TinyVAEConfig.network, name: "latents", expected: "float32 \(shape)",
          found: "\(latents.dtype) \(latents.shape)")
      }
      let total = TinyVAEConfig.pixelFrames(ofLatentFrames: latentFrameCount + count)
      let before = TinyVAEConfig.pixelFrames(ofLatentFrames: latentFrameCount)
      let unit = TinyVAEConfig.spatialFactor
      let result = try Tensor(
        uninitialized: Shape(validating: [total - before, rows * unit, columns * unit, 3]),
        dtype: .f32)
      var done = 0
      for index in 0..<count {
        let trimmed = latentFrameCount == 0 ? TinyVAEConfig.trimmedFrames : 0
        let frames = TinyVAEConfig.temporalFactor - trimmed
        try decode(
          frame: latents.sliced(index..<index + 1, axis: 1), trimming: trimmed,
          into: result.sliced(done..<done + frames))
        latentFrameCount += 1
        done += frames
      }
      result.clamp(to: -1...1, on: decoder.execution.context)
      return result
    }

    /// - Parameters:
    ///   - frame: `[channels, 1, rows, columns]`.
    ///   - trimmed: frames that are not wanted.
    ///   - target: `[4 - trimmed, 8 rows, 8 columns, 3]`.
    private mutating func decode(frame: Tensor, trimming trimmed: Int, into target: Tensor) throws {
      let execution = decoder.execution
      var x = try decoder.entrance(
        limited(frame.contiguous()).channelsLast(on: execution.context),
        epilogue: .init(activation: .relu), outputType: execution.activationType)
      for (index, stage) in decoder.stages.enumerated() {
        for block in stage.blocks.indices {
          x = try stage.blocks[block](x, memory: &memories[index][block], execution)
        }
        let grown = try stage.grow(x, outputType: execution.activationType)
        if index + 1 < decoder.stages.count {
          let frames = stage.sources(grown)
          x = try stage.merge.convolve(
            stage.merge.padded(frames, rows: x.shape[1], columns: x.shape[2]), rows: x.shape[1],
            columns: x.shape[2], framePadding: 0, outputType: execution.activationType)
        } else {
          try finish(stage, grown, trimming: trimmed, into: target)
        }
      }
    }

    /// The last stage's frames, one at a time, since nothing is larger than they are, and only those
    /// that are wanted, since nothing after its blocks has a memory.
    private func finish(
      _ stage: Stage, _ grown: Tensor, trimming trimmed: Int, into target: Tensor
    ) throws {
      let (rows, columns) = (grown.shape[1], grown.shape[2])
      for (index, source) in stage.sources(grown).dropFirst(trimmed).enumerated() {
        let merged = try stage.merge.convolve(
          stage.merge.padded([source], rows: rows, columns: columns), rows: rows, columns: columns,
          framePadding: 0, epilogue: .init(activation: .relu),
          outputType: decoder.execution.activationType)
        _ = try decoder.head(merged, output: target.sliced(index..<index + 1))
      }
    }

    /// 3 tanh(z / 3), of latents whose normalisation is undone where that is asked for.
    private func limited(_ latents: Tensor) throws -> Tensor {
      let context = decoder.execution.context
      var result = try Tensor(uninitialized: latents.shape, dtype: .f32)
      for channel in 0..<latents.shape[0] {
        let place = channel..<channel + 1
        _ = try latents.sliced(place).affine(
          scale: (normalization?.latentsStd[channel] ?? 1) / 3,
          shift: (normalization?.latentsMean[channel] ?? 0) / 3, into: result.sliced(place),
          on: context)
      }
      result = try result.applying(.tanh, into: result, on: context)
      return try result.affine(scale: 3, into: result, on: context)
    }
  }
}

extension TinyVAEDecoder.Stage {
  /// The frames that the growth's channels stand for: the first `width` are the earliest of them.
  fileprivate func sources(_ grown: Tensor) -> [[PixelSource]] {
    let width = grown.shape[3] / growth
    return (0..<grown.shape[0]).flatMap { frame in
      (0..<growth).map { part in
        [PixelSource(grown[frame].sliced(part * width..<(part + 1) * width, axis: 2))]
      }
    }
  }
}
