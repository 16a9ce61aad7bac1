import Layers
import TensorCore

/// Turns vectors of features into a few tokens: learned queries attend to them and to one another
/// (FlashPortrait `Resampler`, the IP-Adapter's). The portrait encoder has one vector for a frame.
package struct Resampler: Sendable {
  package let config: ResamplerConfig
  private let execution: Execution
  /// `[queries, dim]` float32.
  private let latents: Tensor  // latents
  private let input: Linear  // proj_in
  private let layers: [ResamplerLayer]  // layers.0 ...
  private let output: Linear  // proj_out
  private let norm: LayerNorm  // norm_out

  /// - Parameter weights: scoped to the resampler ("mouth_proj_model.").
  package init(
    _ config: ResamplerConfig, weights: any TensorSource, execution: Execution
  ) throws {
    try config.validate()
    self.config = config
    self.execution = execution
    latents = try weights.claim("latents", shape: [1, config.numQueries, config.dim], as: .f32)
      .reshaped([config.numQueries, config.dim])
    input = try Linear(config.embeddingDim, config.dim, weights: weights.scoped("proj_in."))
    layers = try (0..<config.depth).map { number in
      try ResamplerLayer(config, weights: weights.scoped("layers.\(number)."))
    }
    output = try Linear(config.dim, config.outputDim, weights: weights.scoped("proj_out."))
    norm = try LayerNorm(
      config.outputDim, epsilon: ResamplerLayer.epsilon, weights: weights.scoped("norm_out."))
  }

  /// - Parameters:
  ///   - features: `[frames * rowsPerFrame, embeddingDim]` float32, rows contiguous.
  ///   - rowsPerFrame: vectors of a frame.
  /// - Returns: `[frames * queries, outputDim]` float32.
  package func callAsFunction(_ features: Tensor, rowsPerFrame: Int = 1) throws -> Tensor {
    let frames = features.shape[0] / rowsPerFrame
    let x = try input(features, outputType: .f32, execution)
    let tokens = try Tensor(
      uninitialized: [frames, config.numQueries, config.dim], dtype: .f32)
    // Every frame begins with the same latents: a view that repeats them.
    try Tensor(
      storage: latents.storage, dtype: .f32, shape: tokens.shape, strides: [0, config.dim, 1],
      byteOffset: latents.byteOffset
    ).copy(into: tokens, on: execution.context)
    let rows = try tokens.reshaped([frames * config.numQueries, config.dim])
    for layer in layers { try layer(rows, attendingTo: x, execution) }
    return try norm(output(rows, outputType: .f32, execution), execution)
  }
}

/// One layer of a resampler (`PerceiverAttention` and `FeedForward`).
private struct ResamplerLayer: Sendable {
  let config: ResamplerConfig
  let featureNorm: LayerNorm  // 0.norm1
  let latentNorm: LayerNorm  // 0.norm2
  let query: Linear  // 0.to_q
  let keyValue: Linear  // 0.to_kv
  let projection: Linear  // 0.to_out
  let feedForwardNorm: LayerNorm  // 1.0
  let expansion: Linear  // 1.1
  let contraction: Linear  // 1.3

  static let epsilon: Float = 1e-5

  init(_ config: ResamplerConfig, weights: any TensorSource) throws {
    self.config = config
    let (dim, inner, hidden) = (config.dim, config.innerDim, config.dim * config.ffMult)
    func norm(_ name: String) throws -> LayerNorm {
      try LayerNorm(dim, epsilon: Self.epsilon, weights: weights.scoped(name))
    }
    func linear(_ inputs: Int, _ outputs: Int, _ name: String) throws -> Linear {
      try Linear(inputs, outputs, bias: false, weights: weights.scoped(name))
    }
    featureNorm = try norm("0.norm1.")
    latentNorm = try norm("0.norm2.")
    query = try linear(dim, inner, "0.to_q.")
    keyValue = try linear(dim, 2 * inner, "0.to_kv.")
    projection = try linear(inner, dim, "0.to_out.")
    feedForwardNorm = try norm("1.0.")
    expansion = try linear(dim, hidden, "1.1.")
    contraction = try linear(hidden, dim, "1.3.")
  }

  /// Changes the latents in place.
  ///
  /// - Parameters:
  ///   - latents: `[frames * queries, dim]`.
  ///   - x: as many rows for each frame, `[frames * rows, dim]`.
  func callAsFunction(
    _ latents: Tensor, attendingTo x: Tensor, _ execution: Execution
  ) throws {
    _ = try projection(
      attend(latents, to: x, execution), epilogue: .init(residual: latents), into: latents,
      execution)
    let hidden = try expansion(
      latents, prologue: feedForwardNorm.prologue, epilogue: .init(activation: .geluErf), execution)
    _ = try contraction(hidden, epilogue: .init(residual: latents), into: latents, execution)
  }

  /// Each frame's latents attend to its feature rows and to themselves: `[frames * queries, inner]`.
  private func attend(
    _ latents: Tensor, to x: Tensor, _ execution: Execution
  ) throws -> Tensor {
    let (queries, inner) = (config.numQueries, config.innerDim)
    let frames = latents.shape[0] / queries
    let rows = x.shape[0] / max(frames, 1)
    let type = execution.activationType
    let ofQueries = try Tensor(uninitialized: [frames * queries, inner], dtype: type)
    let ofLatents = try Tensor(uninitialized: [frames * queries, 2 * inner], dtype: type)
    try MatrixProduct.run(
      latents, prologue: latentNorm.prologue,
      [query.product(into: ofQueries), keyValue.product(into: ofLatents)],
      arithmetic: execution.arithmetic, on: execution.context)
    let ofFeatures = try keyValue(x, prologue: featureNorm.prologue, execution)
    // Keys and values of a frame: the feature rows', then the latents'.
    let keys = try Tensor(uninitialized: [frames, rows + queries, 2 * inner], dtype: type)
    for (part, range) in [(ofFeatures, 0..<rows), (ofLatents, rows..<rows + queries)] {
      try part.reshaped([frames, range.count, 2 * inner]).copy(
        into: keys.sliced(range, axis: 1), on: execution.context)
    }
    let heads = config.heads
    let halves = try keys.reshaped([frames * (rows + queries), 2 * heads, config.dimHead])
    return try Attention.attend(
      Attention.Rows(ofQueries.reshaped([frames * queries, heads, config.dimHead])),
      keys: Attention.Rows(halves.sliced(0..<heads, axis: 1)),
      values: halves.sliced(heads..<2 * heads, axis: 1), groupCount: frames,
      queriesPerGroup: queries, arithmetic: execution.floatingArithmetic, outputType: type,
      on: execution.context
    ).reshaped([frames * queries, inner])
  }
}
