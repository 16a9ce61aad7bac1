import Checkpoints
import Layers
import PortraitModels
import TensorCore
import TestSupport

/// Relative error in bf16: that of PyTorch in bfloat16 is 6.1e-3 for the stored resampler and 7.0e-3
/// for the whole encoder.
private let bf16Bound = 7e-3

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
  let tokens = try resampler(rows(golden.input("input.x")))
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

@Sendable func checkPortraitEncoder(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let encoder = try PortraitEncoder(
    .published, weights: weights(execution), execution: execution)
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
    differences.append(try golden.difference(ends, from: "output.ranges_\(frames)"))
    let lengths = split.lengths.map { Float($0) }
    differences.append(try golden.difference(lengths, from: "output.lengths_\(frames)"))
    guard golden.hasInput("input.tokens_\(frames)") else { continue }
    let rows = try split(rows(golden.input("input.tokens_\(frames)")), on: execution.context)
    differences.append(try golden.difference(rows, from: "output.split_\(frames)"))
  }
  return differences.compactMap(\.self)
}
