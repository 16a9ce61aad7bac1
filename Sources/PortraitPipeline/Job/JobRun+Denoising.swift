import Diffusion
import TensorCore
import WanModels

extension JobRun {
  /// Noise to latents, which then lie in the work folder.
  func denoise(
    _ features: Tensor, _ clip: ClipLength, _ plan: JobPlan
  ) throws -> JobOutcome.End {
    let denoiser = try WindowedDenoiser(
      windows: plan.windows,
      sampler: parameters.sampler.sampler(steps: parameters.steps, shift: parameters.shift),
      guidance: parameters.guidance, skippedShare: parameters.guidanceSkip, on: networks.context)
    let record = DenoisingRecord(folder, fingerprints.latents)
    let known = try record.kept(windowCount: plan.windows.windows.count)
    for note in folder.takeNotes() { try report(.note(note)) }
    let last = lastStep(of: plan, known)
    if let known, known.step >= last {
      try report(.kept(.denoising))
      return known.step == plan.steps ? .finished : .stopped(step: known.step)
    }
    let stage = try stage(denoiser, features, plan)
    var state =
      try known ?? DenoisingState(noise: noise(plan), windowCount: plan.windows.windows.count)
    try report(.began(.denoising, total: plan.steps, resumed: state.step))
    try advance(&state, to: last, stage, record)
    try report(.finished(.denoising))
    return last == plan.steps ? .finished : .stopped(step: last)
  }

  /// The step after which the run ends.
  private func lastStep(of plan: JobPlan, _ known: DenoisingState?) -> Int {
    if let stop = job.request.stopAfterStep { return min(stop, plan.steps) }
    return job.request.decodesPartial ? known?.step ?? 0 : plan.steps
  }

  private func stage(
    _ denoiser: WindowedDenoiser, _ features: Tensor, _ plan: JobPlan
  ) throws -> DenoisingStage {
    let text = try text()
    let conditions = DenoisingStage.Conditions(
      prompt: text.prompt, negativePrompt: text.negative, image: try image(),
      condition: try condition(frames: plan.windows.windows[0].count), features: features)
    return try DenoisingStage(
      denoiser, transformer: networks.transformer(), portraitEncoder: networks.portraitEncoder(),
      conditions: conditions, parameters: parameters)
  }

  private func noise(_ plan: JobPlan) throws -> Tensor {
    let shape: Shape = [
      1, 16, plan.latentFrames, plan.size.height / 8, plan.size.width / 8,
    ]
    var generator: any RandomGenerator =
      switch parameters.noise {
      case .cpu: MersenneGenerator(seed: parameters.seed)
      case .cuda: PhiloxGenerator(seed: parameters.seed)
      }
    return try generator.normal(shape).reshaped(Shape(Array(shape.axes.dropFirst())))
  }

  /// Runs windows until a step is done; what stops it finds the latest state in the work folder.
  private func advance(
    _ state: inout DenoisingState, to last: Int, _ stage: DenoisingStage, _ record: DenoisingRecord
  ) throws {
    var pace = SavingPace()
    var isSaved = false
    func save() throws {
      try pace.save { try record.write(state) }
      isSaved = true
    }
    do {
      while state.step < last {
        let step = state.step
        try stage.advance(&state) { try self.report(.block($0)) }
        isSaved = false
        if pace.isDue || state.step == last { try save() }
        if state.step > step { try report(.advanced(.denoising, done: state.step)) }
      }
    } catch {
      if !isSaved && (state.step > 0 || state.window > 0) { try save() }
      throw error
    }
  }
}
