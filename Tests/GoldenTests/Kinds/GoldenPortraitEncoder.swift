import Checkpoints
import Layers
import PortraitModels
import TensorCore
import TestSupport

/// Relative error in bf16: 1.5 times that of PyTorch in bfloat16, which is 5.9e-3 to 9.8e-3 for
/// resamplers and whole encoders of several sizes (scripts/reference/check_expression.py).
private let bf16Bound = 1.4e-2

/// Weights by formula in the type of the mode.
private func weights(_ execution: Execution, prefix: String = "") -> ProceduralTensorSource {
  ProceduralTensorSource(prefix: prefix, dtype: execution.activationType, on: execution.context)
}

/// An input with its leading axes joined: `[rows, width]`.
private func rows(_ input: Tensor) throws -> Tensor {
  let width = input.shape[-1]
  return try input.reshaped([input.count / max(width, 1), width])
}

/// Compares tokens of any grouping with the only output of a case.
private func differences(
  _ tokens: Tensor, of golden: Golden, from name: String, _ execution: Execution
) throws -> [String] {
  struct Configuration: Decodable {
    let fullShape: [Int]?

    enum CodingKeys: String, CodingKey { case fullShape = "full_shape" }
  }
  let shape = try golden.configuration(as: Configuration.self).fullShape
  let whole = try tokens.reshaped(shape.map { Shape($0) } ?? golden.tensor(name).shape)
  return [
    try golden.difference(whole, from: name, execution, relativeError: bf16Bound)
  ].compactMap(\.self)
}

@Sendable func checkResampler(_ golden: Golden, _ execution: Execution) throws -> [String] {
  struct Configuration: Decodable {
    let resampler: ResamplerConfig
    let prefix: String
  }
  let configuration = try golden.configuration(as: Configuration.self)
  let resampler = try Resampler(
    configuration.resampler, weights: weights(execution, prefix: configuration.prefix),
    execution: execution)
  // [items, rows of an item, width].
  let x = try golden.input("input.x")
  let tokens = try resampler(rows(x), rowsPerFrame: x.shape.rank > 2 ? x.shape[-2] : 1)
  return try differences(tokens, of: golden, from: "output.tokens", execution)
}

@Sendable func checkFourWayProjection(
  _ golden: Golden, _ execution: Execution
) throws -> [String] {
  struct Configuration: Decodable {
    let outputDim: Int
    let prefix: String

    enum CodingKeys: String, CodingKey {
      case outputDim = "cross_attention_dim"
      case prefix
    }
  }
  let configuration = try golden.configuration(as: Configuration.self)
  let projection = try FourWayProjection(
    layout: .published, outputDim: configuration.outputDim,
    weights: weights(execution, prefix: configuration.prefix), execution: execution)
  let tokens = try projection(rows(golden.input("input.x")))
  return try differences(tokens, of: golden, from: "output.tokens", execution)
}

/// Sizes of a whole portrait encoder, as the constructor of the published class takes them.
struct PortraitEncoderSizes: Decodable {
  let dim: Int
  let depth: Int
  let dimHead: Int
  let heads: Int
  let ffMult: Int
  let mouthQueries: Int
  let emotionQueries: Int
  let outputDim: Int

  enum CodingKeys: String, CodingKey {
    case dim, depth, heads
    case dimHead = "dim_head"
    case ffMult = "ff_mult"
    case mouthQueries = "mouth_queries"
    case emotionQueries = "emo_queries"
    case outputDim = "output_dim"
  }

  var config: PortraitEncoderConfig {
    func resampler(_ queries: Int, of part: ExpressionLayout.Part) -> ResamplerConfig {
      ResamplerConfig(
        dim: dim, depth: depth, dimHead: dimHead, heads: heads, numQueries: queries,
        embeddingDim: ExpressionLayout.published[part].count, outputDim: outputDim, ffMult: ffMult)
    }
    return PortraitEncoderConfig(
      layout: .published, outputDim: outputDim, mouth: resampler(mouthQueries, of: .mouth),
      emotion: resampler(emotionQueries, of: .emotion))
  }
}

@Sendable func checkPortraitEncoder(_ golden: Golden, _ execution: Execution) throws -> [String] {
  struct Configuration: Decodable {
    /// The published sizes where the case names none.
    let sizes: PortraitEncoderSizes?

    enum CodingKeys: String, CodingKey { case sizes = "portrait_encoder" }
  }
  let configuration = try golden.configuration(as: Configuration.self)
  let encoder = try PortraitEncoder(
    configuration.sizes?.config ?? .published, weights: weights(execution), execution: execution)
  let tokens = try encoder(rows(golden.input("input.head_emo_feat")))
  return try differences(tokens, of: golden, from: "output.adapter_proj", execution)
}

/// Ranges and lengths for every count of frames, the rows where the case holds tokens.
@Sendable func checkPortraitTokenSplit(
  _ golden: Golden, _ execution: Execution
) throws -> [String] {
  struct Configuration: Decodable {
    let frames: [Int]
    let tokensPerFrame: Int

    enum CodingKeys: String, CodingKey {
      case frames
      case tokensPerFrame = "tokens_per_frame"
    }
  }
  let configuration = try golden.configuration(as: Configuration.self)
  var differences: [String?] = []
  for frames in configuration.frames {
    let split = try PortraitTokenSplit(
      tokenCount: frames * configuration.tokensPerFrame, frames: frames)
    let ends = split.ranges.flatMap { [Float($0.lowerBound), Float($0.upperBound)] }
    let lengths = split.lengths.map { Float($0) }
    for (name, values) in [("ranges", ends), ("lengths", lengths)]
    where golden.has("output.\(name)_\(frames)") {
      differences.append(try golden.difference(values, from: "output.\(name)_\(frames)"))
    }
    guard golden.hasInput("input.tokens_\(frames)"), golden.has("output.split_\(frames)") else {
      continue
    }
    // [clips, tokens of a clip, width].
    let tokens = try golden.input("input.tokens_\(frames)")
    let clips = try (0..<tokens.shape[0]).flatMap { clip in
      try split(
        rows(tokens.sliced(clip..<clip + 1).contiguous()), on: execution.context
      ).floats()
    }
    differences.append(try golden.difference(clips, from: "output.split_\(frames)"))
  }
  return differences.compactMap(\.self)
}
