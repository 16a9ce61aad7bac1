import Checkpoints
import Layers
import TensorCore
import TestSupport
import WanModels

/// Relative error in bf16: that of PyTorch in bfloat16 is 4.9e-3 to 7.9e-3 for small towers
/// (scripts/reference/check_clip.py).
private let bf16Bound = 7e-3

/// The image tower, batched pictures through all blocks but the last.
@Sendable func checkImageEncoder(_ golden: Golden, _ execution: Execution) throws -> [String] {
  struct Configuration: Decodable {
    let model: ImageEncoderConfig
    let prefix: String
  }
  let configuration = try golden.configuration(as: Configuration.self)
  let encoder = try ImageEncoder(
    configuration.model,
    weights: ProceduralTensorSource(
      prefix: configuration.prefix, dtype: execution.activationType, on: execution.context),
    execution: execution)
  var differences: [String?] = []
  let image = try golden.input("input.image")
  let tokens = try encoder(image) { stage, hidden in
    guard execution.arithmetic == .f32 else { return }
    let name =
      switch stage {
      case .embedded: "state.pre_norm"
      case .block(let number): "state.block\(number)"
      }
    guard golden.has(name) else { return }
    let states = try hidden.reshaped(
      [image.shape[0], hidden.shape[0] / image.shape[0], hidden.shape[1]])
    differences.append(try golden.difference(states, from: name))
  }
  differences.append(
    try golden.difference(tokens, from: "output.tokens", execution, relativeError: bf16Bound))
  return differences.compactMap(\.self)
}

/// The preparation of pictures of any size.
@Sendable func checkImagePreprocessing(
  _ golden: Golden, _ execution: Execution
) throws -> [String] {
  struct Configuration: Decodable {
    struct Item: Decodable { let image: String }
    let size: Int
    let items: [Item]
  }
  let configuration = try golden.configuration(as: Configuration.self)
  var differences: [String?] = []
  for (number, item) in configuration.items.enumerated() {
    let bytes = try golden.input("input." + item.image).converted(to: .f32, on: execution.context)
    let pixels = try bytes.affine(scale: 2 / 255, shift: -1, on: execution.context)
      .reshaped(Shape([1] + bytes.shape.axes))
    let prepared = try ImageEncoder.preprocess(
      pixels, size: configuration.size, on: execution.context)
    // Different parts of the same picture: what is stored of it is said in the case.
    for output in golden.names(prefix: "output.") where output.hasSuffix("_\(number)") {
      differences.append(try golden.difference(prepared, from: output))
    }
  }
  return differences.compactMap(\.self)
}
