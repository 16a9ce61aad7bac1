import Checkpoints
import Diffusion
import Foundation
import Layers
import PortraitModels
import PortraitPipeline
import TensorCore
import TestSupport
import WanModels

/// Relative root-mean-square error that bf16 may have: half of what a single pass of the transformer
/// may have. Up to 5.4e-3 were seen, with guidance, at every instruction set.
private let bf16Bound = 1e-2

/// A whole run over windows, with the networks as the pipeline wires them.
private struct SamplerCase {
  private struct Configuration: Decodable {
    let sizes: PortraitEncoderSizes
    let latentFrames: Int
    let contextSize: Int
    let contextOverlap: Int
    let steps: Int
    let expressionStrength: Float
    /// "FlowMatchEuler shift 5", "StepDistill [1000,750,500,250] shift 5".
    let scheduler: String

    enum CodingKeys: String, CodingKey {
      case steps, scheduler
      case sizes = "portrait_encoder"
      case latentFrames = "T"
      case contextSize = "context_size"
      case contextOverlap = "context_overlap"
      case expressionStrength = "ip_scale"
    }
  }

  let golden: Golden
  let execution: Execution
  let windows: ContextWindows
  let sampler: any Sampler
  private let configuration: Configuration
  private let transformer: Transformer
  private let portraitEncoder: PortraitEncoder
  private let conditions: DenoisingStage.Conditions
  private let features: Tensor

  init(_ golden: Golden, _ execution: Execution) throws {
    self.golden = golden
    self.execution = execution
    configuration = try golden.configuration(as: Configuration.self)
    windows = try ContextWindows(
      latentFrames: configuration.latentFrames, size: configuration.contextSize,
      overlap: configuration.contextOverlap)
    sampler = try Self.sampler(configuration.scheduler, steps: configuration.steps)
    let weights = ProceduralTensorSource(dtype: execution.activationType, on: execution.context)
    portraitEncoder = try PortraitEncoder(
      configuration.sizes.config, weights: weights, execution: execution)
    let image = try Self.withoutBatch(golden.input("input.clip_context"))
    transformer = try Transformer(
      TransformerConfig(
        golden, imageDim: image.shape[-1], portraitDim: configuration.sizes.outputDim),
      weights: weights, execution: execution)
    features = try Self.withoutBatch(golden.input("input.head_emo_feat"))
    conditions = DenoisingStage.Conditions(
      prompt: try golden.input("input.prompt_embeds"),
      negativePrompt: try golden.input("input.negative_prompt_embeds"), image: image,
      condition: try Self.withoutBatch(golden.input("input.y")),
      features: features)
  }

  private static func sampler(_ text: String, steps: Int) throws -> any Sampler {
    guard
      let match = text.wholeMatch(
        of: /(FlowMatchEuler|StepDistill \[([0-9,]+)\]) shift ([0-9.]+)/),
      let shift = Double(match.3)
    else { throw Golden.Failure.noInput(golden: text, name: "scheduler") }
    guard let list = match.2 else {
      return try SamplerKind.flow.sampler(steps: steps, shift: shift)
    }
    return EulerSampler(
      try .distilled(steps: list.split(separator: ",").compactMap { Int($0) }, shift: shift))
  }

  private static func withoutBatch(_ tensor: Tensor) throws -> Tensor {
    try tensor.reshaped(Shape(Array(tensor.shape.axes.dropFirst())))
  }

  /// Runs one guidance case and compares after every step.
  ///
  /// - Parameter name: "text1.0_emo4.0_bf16blend".
  func run(_ name: String) throws -> [String] {
    guard let match = name.wholeMatch(of: /text([0-9.]+)_emo([0-9.]+)_(f32|bf16blend)/),
      let text = Float(match.1), let expression = Float(match.2)
    else { return ["\(golden.name): what is \(name)?"] }
    let denoiser = try WindowedDenoiser(
      windows: windows, sampler: sampler,
      guidance: Guidance(textScale: text, expressionScale: expression),
      blendType: match.3 == "f32" ? .f32 : .bf16, on: execution.context)
    var parameters = JobParameters()
    parameters.expressionStrength = configuration.expressionStrength
    let stage = try DenoisingStage(
      denoiser, transformer: transformer, portraitEncoder: portraitEncoder,
      conditions: conditions, parameters: parameters)
    // The run writes to its noise, and the golden's is mapped.
    let noise = try Self.withoutBatch(golden.input("input.latents"))
    var state = try DenoisingState(
      noise: Tensor(noise.floats(), shape: noise.shape), windowCount: windows.count)
    var differences: [String?] = []
    while state.step < denoiser.stepCount {
      try stage.advance(&state) { _ in }
      let stored = "state.\(name).step\(state.step - 1)"
      guard state.window == 0, execution.arithmetic == .f32, golden.has(stored) else { continue }
      differences.append(try golden.difference(state.latents, from: stored))
    }
    differences.append(
      try golden.difference(
        state.latents, from: "output." + name, execution, relativeError: bf16Bound))
    return differences.compactMap(\.self)
  }

  /// Windows, schedule and expression tokens.
  func states() throws -> [String] {
    let indices = windows.windows.flatMap { $0.map { Float($0) } }
    var differences = [
      try golden.difference(indices, from: "state.windows"),
      try golden.difference(sampler.schedule.sigmas.map { Float($0) }, from: "state.sigmas"),
      try golden.difference(sampler.schedule.timesteps.map { Float($0) }, from: "state.timesteps"),
    ]
    for (name, window) in [("window0", 0), ("last_window", windows.count - 1)] {
      let frames = ContextWindows.videoFrames(of: windows.windows[window])
      let tokens = try portraitEncoder.split(
        portraitEncoder(features.sliced(frames).contiguous()), frames: frames.count
      ).tokens
      let thin = try TensorSlices("[:, ::8, ::64]").of(tokens)
      differences.append(try golden.difference(thin, from: "state.emo_proj_\(name)_sub"))
      let sums = "state.emo_proj_\(name)_sum_over_width"
      guard golden.has(sums) else { continue }
      let width = tokens.shape[2]
      let values = try tokens.floats()
      let rows = stride(from: 0, to: values.count, by: width).map { start -> Float in
        var sum = 0.0
        for value in values[start..<start + width] { sum += Double(value) }
        return Float(sum)
      }
      differences.append(try golden.difference(rows, from: sums))
    }
    return differences.compactMap(\.self)
  }
}

/// Every guidance case of a run, after every step.
@Sendable func checkSampler(_ golden: Golden, _ execution: Execution) throws -> [String] {
  let sampler = try SamplerCase(golden, execution)
  let states = execution.arithmetic == .f32 ? try sampler.states() : []
  return try states
    + golden.names(prefix: "output.").flatMap {
      try sampler.run(String($0.dropFirst("output.".count)))
    }
}
