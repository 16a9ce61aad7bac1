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
  private let passes: AcceleratedTransformer
  private let portraitEncoder: PortraitEncoder
  private let conditions: Conditions
  private let expressionStrength: Float
  /// Of the whole run's work, what is done when a step begins; one more than there are steps.
  private let shares: [Double]
  private let contexts:
    (prompt: AttentionContext, negative: AttentionContext?, image: AttentionContext)
  /// The only window's expression, which all steps share.
  private let onlyPortrait: AttentionContext?

  /// - Parameter store: of what the steps that are not computed are made from; used where the
  ///   parameters ask for such steps.
  /// - Throws: `NetworkError.input`, `TensorError`.
  package init(
    _ denoiser: WindowedDenoiser, transformer: Transformer, portraitEncoder: PortraitEncoder,
    conditions: Conditions, parameters: JobParameters, store: any PassStore = MemoryPassStore()
  ) throws {
    self.denoiser = denoiser
    self.transformer = transformer
    self.portraitEncoder = portraitEncoder
    self.conditions = conditions
    expressionStrength = parameters.expressionStrength
    let y = conditions.condition.shape
    let grid = try transformer.grid(
      latents: [transformer.config.outDim, y[1], y[2], y[3]],
      override: parameters.riflexIndex.map { .riflex(k: $0, frames: y[1]) })
    passes = try AcceleratedTransformer(
      transformer, grid: grid, condition: conditions.condition,
      schedule: denoiser.sampler.schedule, acceleration: parameters.acceleration, store: store)
    shares = Self.shares(denoiser, computed: passes.computedSteps)
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
  /// - Returns: whether the window was computed, and not made from earlier passes.
  @discardableResult
  package func advance(
    _ state: inout DenoisingState, _ report: @escaping (DenoisingPlace) throws -> Void
  ) throws -> Bool {
    let (step, window) = (state.step, state.window)
    var history = state.passes[window]
    try denoiser.advance(&state) { input in
      try passes.velocities(input, branches: { try branches(of: input) }, history: &history) {
        try report(place(step: step, window: window, block: $0))
      }
    }
    state.passes[window] = history
    return history.computedSteps.last == step
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
    let done = Double(window * blocks + block + 1) / Double(windows * blocks)
    return DenoisingPlace(
      step: step, steps: denoiser.stepCount, window: window, windows: windows, block: block,
      blocks: blocks, share: shares[step] + done * (shares[step + 1] - shares[step]))
  }

  /// What is not computed takes next to no time.
  private static func shares(_ denoiser: WindowedDenoiser, computed: [Bool]) -> [Double] {
    let work = computed.enumerated().map { step, isComputed in
      isComputed ? Double(denoiser.guidance(inStep: step).predictions.count) : 0
    }
    let whole = work.reduce(0, +)
    return work.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1 / whole) }
  }
}
