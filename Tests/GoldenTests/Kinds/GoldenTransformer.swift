import Checkpoints
import Foundation
import Layers
import TensorCore
import TestSupport
import WanModels

/// Relative root-mean-square error that bf16 may have: operands of 8 bits through a few blocks.
private let bf16Bound = 2e-2

/// What a case's outputs are computed from.
struct TransformerCase {
  let golden: Golden
  let execution: Execution
  let transformer: Transformer
  let grid: TokenGrid
  let text: AttentionContext
  let image: AttentionContext

  private struct Configuration: Decodable {
    /// The tokens of the latents where nil.
    let seqLen: Int?
    /// Nil where the case has no states.
    let statesTakenAt: String?

    enum CodingKeys: String, CodingKey {
      case seqLen = "seq_len"
      case statesTakenAt = "states_taken_at"
    }
  }

  private let configuration: Configuration

  init(_ golden: Golden, _ execution: Execution) throws {
    self.golden = golden
    self.execution = execution
    configuration = try golden.configuration(as: Configuration.self)
    let image = try golden.input("input.clip_fea")
    let tokens = ["input.emo_proj", "input.emo_proj_global"].first(where: golden.hasInput)
    let width = try tokens.map { try golden.input($0).shape[-1] } ?? 8
    let config = try TransformerConfig(
      golden, imageDim: image.shape[-1], portraitDim: width)
    let source = ProceduralTensorSource(
      dtype: execution.arithmetic == .f32 ? .f32 : .bf16, on: execution.context)
    transformer = try Transformer(config, weights: source, execution: execution)
    let latents = try golden.input("input.x")
    grid = try transformer.grid(
      latents: Shape(Array(latents.shape.axes.dropFirst())),
      sequenceLength: configuration.seqLen)
    text = try transformer.textContext(golden.input("input.context"))
    self.image = try transformer.imageContext(Self.withoutBatch(image))
  }

  static func withoutBatch(_ tensor: Tensor) throws -> Tensor {
    try tensor.reshaped(Shape(Array(tensor.shape.axes.dropFirst())))
  }

  /// The branch of an output ("output.emo_global_ip_scale_0.5"), nil where the name tells none.
  func branch(of output: String) throws -> GuidanceBranch? {
    guard let match = output.wholeMatch(of: /output\.(emo_global_)?ip_scale_([0-9.eE+-]+)/),
      let scale = Float(match.2)
    else { return nil }
    let name = match.1 == nil ? "input.emo_proj" : "input.emo_proj_global"
    guard golden.hasInput(name) else { return GuidanceBranch(text: text, image: image) }
    let tokens = try Self.withoutBatch(golden.input(name))
    return GuidanceBranch(
      text: text, image: image, portrait: try transformer.portraitContext(tokens),
      expressionScale: scale)
  }

  /// The output beside whose computation the states were noted; it need not be stored.
  var observedOutput: String? {
    configuration.statesTakenAt.map { "output." + $0.replacing(" ", with: "_") }
  }

  func difference(_ got: Tensor, _ name: String) throws -> String? {
    try golden.difference(got, from: name, execution, relativeError: bf16Bound)
  }

  /// Compares a state, float32 alone: the bound of bf16 is for whole networks.
  func state(_ got: Tensor, _ name: String) throws -> String? {
    guard execution.arithmetic == .f32, golden.has("state." + name) else { return nil }
    return try golden.difference(got, from: "state." + name)
  }
}

extension TransformerConfig {
  /// A case's model, and the widths of its inputs, which the published code has as constants.
  init(_ golden: Golden, imageDim: Int, portraitDim: Int) throws {
    let object = try JSONSerialization.jsonObject(with: golden.configuration) as? [String: Any]
    var model = object?["model"] as? [String: Any] ?? [:]
    model["image_dim"] = imageDim
    model["portrait_dim"] = portraitDim
    try self.init(
      shapes: NamedShapes([]), file: JSONSerialization.data(withJSONObject: model))
  }
}

/// The diffusion transformer: every output is a guidance branch of one pass.
@Sendable func checkTransformer(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let model = try TransformerCase(golden, execution)
  // Outputs that are no guidance branch stay out, and so are reported as not compared.
  let named = golden.names(prefix: "output.") + (model.observedOutput.map { [$0] } ?? [])
  var (outputs, branches) = ([String](), [GuidanceBranch]())
  for output in named where !outputs.contains(output) {
    guard let branch = try model.branch(of: output) else { continue }
    outputs.append(output)
    branches.append(branch)
  }
  var state = try model.transformer.embed(
    TransformerCase.withoutBatch(golden.input("input.x")),
    condition: TransformerCase.withoutBatch(golden.input("input.y")),
    timestep: Double(golden.floats("input.t")[0]), grid: model.grid)

  let context = try model.text.rows.converted(to: .f32)
  let picture = try model.image.rows.converted(to: .f32)
  let embedded = try Tensor(
    picture.floats() + context.floats(),
    shape: [picture.shape[0] + context.shape[0], context.shape[1]])
  var differences: [String?] = [
    try model.state(state.hidden.branch(0), "x_embedded"),
    try model.state(state.time.e, "e"), try model.state(state.time.e0, "e0"),
    try model.state(embedded, "context_embedded"),
  ]
  let observed = outputs.firstIndex { $0 == model.observedOutput }
  try model.transformer.runBlocks(&state, branches: branches) { block, hidden in
    guard let observed else { return }
    differences.append(try model.state(hidden.branch(observed), "block\(block)"))
  }
  for (index, output) in outputs.enumerated() where golden.has(output) {
    let velocity = try model.transformer.velocity(of: state.hidden.branch(index), state)
    differences.append(try model.difference(velocity, output))
  }
  return differences.compactMap(\.self)
}
