import Diffusion
import Layers
import TensorCore
import WanModels

/// The transformer in all steps of a run: a window's velocities are computed, or made from what its
/// earlier passes have left.
struct AcceleratedTransformer {
  let transformer: Transformer
  let grid: TokenGrid
  /// `[20, frames of a window, H, W]`.
  let condition: Tensor

  private let schedule: NoiseSchedule
  private let acceleration: Acceleration
  private let store: any PassStore
  private let context: ComputeContext
  /// Whether a step is computed where nothing falls back.
  let computedSteps: [Bool]

  private static let hiddenName = "hidden"
  private static let samplesName = "samples"

  /// - Throws: `TensorError`.
  init(
    _ transformer: Transformer, grid: TokenGrid, condition: Tensor, schedule: NoiseSchedule,
    acceleration: Acceleration, store: any PassStore
  ) throws {
    self.transformer = transformer
    self.grid = grid
    self.condition = condition
    self.schedule = schedule
    self.acceleration = acceleration
    self.store = store
    context = transformer.execution.context
    switch acceleration {
    case .none: computedSteps = [Bool](repeating: true, count: schedule.stepCount)
    case .prediction(let prediction):
      let full = Set(prediction.fullSteps(of: schedule.stepCount))
      computedSteps = (0..<schedule.stepCount).map(full.contains)
    case .teaCache(let cache):
      computedSteps = try cache.computedSteps(
        embeddings: schedule.timesteps.map { try transformer.timeConditions($0).e0 })
    }
  }

  /// One velocity for each of the input's predictions.
  ///
  /// - Parameters:
  ///   - branches: one for each prediction; asked for where the window is computed.
  ///   - history: of the window's passes so far.
  ///   - report: is told of every block that is done.
  func velocities(
    _ input: WindowedDenoiser.WindowInput, branches: () throws -> [GuidanceBranch],
    history: inout PassHistory, report: @escaping (_ block: Int) throws -> Void
  ) throws -> [Tensor] {
    let made: [Tensor]? =
      switch acceleration {
      case .none: nil
      case .prediction(let prediction): try predicted(input, prediction, &history)
      case .teaCache: try cached(input, history)
      }
    let isLast = input.step == schedule.stepCount - 1
    // Nothing is made from what is left of the last step.
    defer { if isLast { (history.keptSteps, history.records) = ([:], [:]) } }
    if let made {
      try report(transformer.config.numLayers - 1)
      return made
    }
    let branches = try branches()
    var state = try embed(input)
    let samples = try samples(branches.count)
    try transformer.runBlocks(&state, branches: branches) { block, hidden in
      if let (sample, tensors) = samples {
        for (index, tensor) in tensors.enumerated() {
          sample.copy(
            hidden.branch(index).sliced(0..<grid.tokenCount), into: tensor.sliced(block..<block + 1)
          )
        }
      }
      try report(block)
    }
    let velocities = try branches.indices.map {
      try transformer.velocity(of: state.hidden.branch($0), state)
    }
    if !isLast, acceleration != .none { try keep(state, samples?.tensors, of: input, &history) }
    history.computedSteps.append(input.step)
    return velocities
  }

  private func embed(_ input: WindowedDenoiser.WindowInput) throws -> Transformer.State {
    try transformer.embed(
      input.latents, condition: condition, timestep: input.timestep, grid: grid)
  }

  // MARK: Adaptive Latent Prediction

  /// nil where the step has to be computed.
  private func predicted(
    _ input: WindowedDenoiser.WindowInput, _ prediction: LatentPrediction,
    _ history: inout PassHistory
  ) throws -> [Tensor]? {
    let isFull = prediction.isFull(
      step: input.step, lastFull: history.computedSteps.last, of: schedule.stepCount)
    guard !isFull else { return nil }
    var sums: [[(weight: Double, tensor: Tensor)]] = []
    for branch in input.predictions {
      let passes = try keptPasses(branch, of: input.window, history)
      guard let record = history.records[branch],
        let weights = record.weights(
          at: input.step, samples: try passes.map { try $0.tensor(Self.samplesName) }, prediction,
          schedule)
      else {
        history.fallbackCount += 1
        return nil
      }
      let hidden = try passes.map { try $0.tensor(Self.hiddenName) }
      sums.append(zip(weights, hidden).map { (weight: $0, tensor: $1) })
    }
    let time = try transformer.timeConditions(input.timestep)
    return try sums.map {
      try transformer.velocity(of: .weightedSum($0, on: context), time: time, grid: grid)
    }
  }

  // MARK: TeaCache

  /// nil where the step has to be computed.
  private func cached(
    _ input: WindowedDenoiser.WindowInput, _ history: PassHistory
  ) throws -> [Tensor]? {
    guard !computedSteps[input.step] else { return nil }
    let residuals = try input.predictions.map { branch in
      try keptPasses(branch, of: input.window, history).map { try $0.tensor(Self.hiddenName) }
    }
    // Guidance only ever loses branches, so there is one for each.
    guard residuals.allSatisfy({ $0.count == 1 }) else { return nil }
    let state = try embed(input)
    let embedded = state.hidden.branch(0)
    return try residuals.map { residual in
      try transformer.velocity(
        of: .weightedSum([(1, embedded), (1, residual[0])], on: context), state)
    }
  }

  // MARK: What passes leave

  /// Those of a branch that are kept, newest first.
  private func keptPasses(
    _ branch: Guidance.Prediction, of window: Int, _ history: PassHistory
  ) throws -> [KeptTensors] {
    try history.keptSteps[branch, default: []].map { step in
      let pass = KeptPass(window: window, prediction: branch, step: step)
      return KeptTensors(pass: pass, tensors: try store.tensors(of: pass))
    }
  }

  /// Room for the samples of all layers, for each branch; nil where nobody asks for them.
  private func samples(_ count: Int) throws -> (LayerSample, tensors: [Tensor])? {
    guard case .prediction = acceleration else { return nil }
    let config = transformer.config
    let sample = LayerSample(rows: grid.tokenCount, width: config.dim)
    return (
      sample,
      try (0..<count).map { _ in
        try Tensor(uninitialized: [config.numLayers, sample.count], dtype: .f32)
      }
    )
  }

  private func keep(
    _ state: Transformer.State, _ samples: [Tensor]?, of input: WindowedDenoiser.WindowInput,
    _ history: inout PassHistory
  ) throws {
    // The blocks write to what they are given.
    let before: Tensor? =
      switch acceleration {
      case .teaCache: try embed(input).hidden.branch(0)
      default: nil
      }
    for (index, branch) in input.predictions.enumerated() {
      let hidden = state.hidden.branch(index)
      let pass = KeptPass(window: input.window, prediction: branch, step: input.step)
      var tensors = [(name: Self.hiddenName, tensor: hidden)]
      if let before {
        // In its place: nobody needs it any more, and it is large.
        tensors[0].tensor = try before.scaled(by: -1, adding: hidden, into: hidden, on: context)
      }
      if let samples { tensors.append((Self.samplesName, samples[index])) }
      try store.write(tensors, of: pass)
      try note(pass, samples?[index], &history)
    }
  }

  /// Puts a pass that is kept into the history.
  private func note(
    _ pass: KeptPass, _ samples: Tensor?, _ history: inout PassHistory
  ) throws {
    guard case .prediction(let prediction) = acceleration, let samples else {
      history.keptSteps[pass.prediction] = [pass.step]
      return
    }
    let older = try keptPasses(pass.prediction, of: pass.window, history)
      .prefix(prediction.nodeLimit - 1)
    var record = history.records[pass.prediction] ?? PredictionRecord()
    record.add(
      step: pass.step, samples: try [samples] + older.map { try $0.tensor(Self.samplesName) },
      prediction, schedule)
    history.records[pass.prediction] = record
    history.keptSteps[pass.prediction] = record.nodes.map(\.step)
  }
}

/// The tensors of a pass that is kept.
private struct KeptTensors {
  let pass: KeptPass
  let tensors: [String: Tensor]

  /// - Throws: `DiffusionError.passNotKept`.
  func tensor(_ name: String) throws -> Tensor {
    guard let tensor = tensors[name] else { throw DiffusionError.passNotKept(pass) }
    return tensor
  }
}
