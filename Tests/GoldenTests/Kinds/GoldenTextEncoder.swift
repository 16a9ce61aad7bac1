import Checkpoints
import Layers
import TensorCore
import TestSupport
import WanModels

/// The text encoder: the rows that count, all rows, and the classes of distances.
@Sendable func checkTextEncoder(_ golden: Golden, _ execution: Execution) throws -> [String] {
  struct Configuration: Decodable {
    let model: TextEncoderConfig
  }
  let config = try golden.configuration(as: Configuration.self).model
  let source = ProceduralTensorSource(on: execution.context)
  let encoder = try TextEncoder(config, weights: source, execution: execution)
  let tremors =
    execution.arithmetic == .f32
    ? [] : try Tremor.encoders(config, weights: source, on: execution.context)
  var differences: [String?] = []
  for name in golden.names(prefix: "input.ids_") {
    let number = name.dropFirst("input.ids_".count)
    let texts = try texts(golden, number: number)
    let output = "output.embeds_\(number)"
    let all = "state.all_rows_\(number)"
    if execution.arithmetic == .f32, golden.has(all) {
      let rows = try joined(encoder(texts, rows: .all), like: golden.tensor(all).shape)
      differences.append(try golden.difference(rows, from: all))
    }
    guard golden.has(output) else { continue }
    let got = try joined(encoder(texts), like: golden.tensor(output).shape)
    if execution.arithmetic == .f32 {
      differences.append(try golden.difference(got, from: output))
    } else {
      let bound = try Tremor.bound(of: texts, tremors, golden.floats(output))
      differences.append(try golden.difference(got, from: output, relativeError: bound))
    }
  }
  if golden.has("output.buckets") {
    let farthest = try golden.tensor("output.buckets").count / 2
    let positions = RelativePositions(bucketCount: config.numBuckets)
    let buckets = (-farthest...farthest).map { Float(positions.bucket(of: $0)) }
    differences.append(try golden.difference(buckets, from: "output.buckets"))
  }
  return differences.compactMap(\.self)
}

/// The rows of `input.ids_N` `[texts, tokens]` with those of `input.mask_N`.
private func texts(_ golden: Golden, number: Substring) throws -> [TextTokens] {
  let shape = try golden.tensor("input.ids_\(number)").shape
  let ids = try golden.integers("input.ids_\(number)")
  let mask =
    golden.has("input.mask_\(number)")
    ? try golden.integers("input.mask_\(number)") : Array(repeating: 1, count: ids.count)
  return (0..<shape[0]).map { text in
    let range = text * shape[1]..<(text + 1) * shape[1]
    return TextTokens(ids[range].map(Int32.init), mask: mask[range].map { $0 != 0 })
  }
}

/// The rows of several texts in one tensor: of the given shape where the count allows it.
private func joined(_ texts: [Tensor], like shape: Shape) throws -> Tensor {
  let values = try texts.flatMap { try $0.floats() }
  let width = texts.first?.shape[1] ?? 0
  let rows: Shape = [values.count / max(width, 1), width]
  return try Tensor(values, shape: values.count == shape.count && shape[-1] == width ? shape : rows)
}

/// How far a rounding of bfloat16's size carries: unscaled attention with large weights makes the
/// network a chaotic one, more so with every block, and no fixed bound would fit.
///
/// The tokens' rows are moved by up to 2^-8 of themselves, and the float32 outputs compared. PyTorch's
/// own bf16 runs of 19 texts in 8 networks (up to 12 blocks, heads of 64) lie 1.2 to 3.1 times as far
/// off as that, 2.2 times on average; ours may lie 1.5 times as far as that average.
private enum Tremor {
  private static let factor = 1.5 * 2.2

  static func encoders(
    _ config: TextEncoderConfig, weights: any TensorSource, on context: ComputeContext
  ) throws -> [TextEncoder] {
    try (1...3).map { seed in
      try TextEncoder(
        config, weights: ShakenTokens(weights: weights, seed: seed),
        execution: Execution(arithmetic: .f32, context: context))
    }
  }

  static func bound(
    of texts: [TextTokens], _ encoders: [TextEncoder], _ want: [Float]
  ) throws -> Double {
    let errors = try encoders.map { encoder in
      Comparison.relativeError(try encoder(texts).flatMap { try $0.floats() }, want)
    }
    return factor * (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
  }
}

/// Another source's weights, but for the token table, whose numbers are moved a little.
private struct ShakenTokens: TensorSource {
  let weights: any TensorSource
  let seed: UInt64

  func claim(_ name: String, shape: Shape, as dtype: DType?) throws -> Tensor {
    let tensor = try weights.claim(name, shape: shape, as: dtype)
    guard name == "token_embedding.weight" else { return tensor }
    var generator = SeededGenerator(seed: seed)
    return try Tensor(
      tensor.floats().map { $0 * (1 + Float.random(in: -1...1, using: &generator) / 256) },
      shape: shape)
  }
}
