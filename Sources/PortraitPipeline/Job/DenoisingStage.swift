import Diffusion
import PortraitModels
import TensorCore
import WanModels

/// Noise to latents: windows, guidance branches and steps over the transformer.
package struct DenoisingStage {
  /// What the network is told in every window and step.
  package struct Conditions {
    let prompt: Tensor
    let negativePrompt: Tensor?
    let image: Tensor
    let condition: Tensor
    let features: Tensor

    /// - Parameters:
    ///   - prompt: `[rows, text_dim]`.
    ///   - negativePrompt: likewise; only where guidance uses it.
    ///   - image: `[257, image_dim]`.
    ///   - condition: `[20, frames of a window, H, W]`.
    ///   - features: `[frames made, width]`.
    package init(
      prompt: Tensor, negativePrompt: Tensor?, image: Tensor, condition: Tensor, features: Tensor
    ) {
      self.prompt = prompt
      self.negativePrompt = negativePrompt
      self.image = image
      self.condition = condition
      self.features = features
    }
  }

  private let denoiser: WindowedDenoiser
  private let transformer: Transformer
  private let portraitEncoder: PortraitEncoder
  private let conditions: Conditions
  private let expressionStrength: Float
  private let grid: TokenGrid
  private let contexts:
    (prompt: AttentionContext, negative: AttentionContext?, image: AttentionContext)
  /// The only window's expression, which all steps share.
  private let onlyPortrait: AttentionContext?

  /// - Throws: `NetworkError.input`, `TensorError`.
  package init(
    _ denoiser: WindowedDenoiser, transformer: Transformer, portraitEncoder: PortraitEncoder,
    conditions: Conditions, parameters: JobParameters
  ) throws {
    self.denoiser = denoiser
    self.transformer = transformer
    self.portraitEncoder = portraitEncoder
    self.conditions = conditions
    expressionStrength = parameters.expressionStrength
    let y = conditions.condition.shape
    grid = try transformer.grid(
      latents: [transformer.config.outDim, y[1], y[2], y[3]],
      override: parameters.riflexIndex.map { .riflex(k: $0, frames: y[1]) })
    contexts = (
      try transformer.textContext(conditions.prompt),
      try conditions.negativePrompt.map(transformer.textContext),
      try transformer.imageContext(conditions.image)
    )
    let windows = denoiser.windows.windows
    onlyPortrait =
      windows.count == 1
      ? try Self.portrait(
        of: windows[0], conditions, portraitEncoder, transformer) : nil
  }

  /// A window's expression tokens. Keys and values of a 14B model take gigabytes and little time, so
  /// they are made anew for every pass.
  private static func portrait(
    of window: Range<Int>, _ conditions: Conditions, _ encoder: PortraitEncoder,
    _ transformer: Transformer
  ) throws -> AttentionContext {
    let frames = ContextWindows.videoFrames(of: window)
    let tokens = try encoder(conditions.features.sliced(frames).contiguous())
    return try transformer.portraitContext(
      encoder.split(tokens, frames: frames.count).tokens, keepsKeys: false)
  }

  /// Computes the next window of a run.
  ///
  /// - Parameter report: is told of every block; what it throws ends the run, the state as it was.
  package func advance(
    _ state: inout DenoisingState, _ report: @escaping (DenoisingPlace) throws -> Void
  ) throws {
    try denoiser.advance(&state) { input in
      let branches = try branches(of: input)
      return try transformer(
        input.latents, condition: conditions.condition, timestep: input.timestep, grid: grid,
        branches: branches
      ) { block, _ in
        try report(place(step: input.step, window: input.window, block: block))
      }
    }
  }

  private func branches(of input: WindowedDenoiser.WindowInput) throws -> [GuidanceBranch] {
    let portrait =
      expressionStrength == 0
      ? nil
      : try onlyPortrait
        ?? Self.portrait(of: input.frames, conditions, portraitEncoder, transformer)
    return input.predictions.map { prediction in
      let (text, hasExpression) =
        switch prediction {
        case .full: (contexts.prompt, true)
        case .withoutExpression: (contexts.prompt, false)
        case .negative: (contexts.negative ?? contexts.prompt, false)
        case .negativeWithExpression: (contexts.negative ?? contexts.prompt, true)
        }
      return GuidanceBranch(
        text: text, image: contexts.image, portrait: hasExpression ? portrait : nil,
        expressionScale: hasExpression ? expressionStrength : 0)
    }
  }

  private func place(step: Int, window: Int, block: Int) -> DenoisingPlace {
    let (windows, blocks) = (denoiser.windows.windows.count, transformer.config.numLayers)
    let done = (step * windows + window) * blocks + block + 1
    return DenoisingPlace(
      step: step, steps: denoiser.stepCount, window: window, windows: windows, block: block,
      blocks: blocks, share: Double(done) / Double(denoiser.stepCount * windows * blocks))
  }
}
