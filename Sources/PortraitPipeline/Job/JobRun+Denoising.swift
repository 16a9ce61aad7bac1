import Diffusion
import TensorCore
import WanModels

extension JobRun {
  /// Noise to latents, which then lie in the work folder.
  func denoise(
    _ features: Tensor, _ plan: JobPlan
  ) throws -> JobOutcome.End {
    let known = try record.kept(windowCount: plan.windows.count)
    try tellNotes()
    let last = lastStep(of: plan, known)
    // Else the networks would be loaded first.
    guard last > 0 else {
      throw PipelineError.nothingKept(path: folder.file(JobFile.estimate.rawValue))
    }
    let end: JobOutcome.End = last == plan.steps ? .finished : .stopped(step: last)
    if let known, known.step >= last {
      try report(.kept(.denoising))
      return end
    }
    let denoiser = try WindowedDenoiser(
      windows: plan.windows, sampler: parameters.scheduledSampler(),
      guidance: parameters.guidance, skippedShare: parameters.guidanceSkip, on: networks.context)
    let conditions = try conditions(features, plan)
    let stage = try DenoisingStage(
      denoiser, transformer: networks.transformer(), portraitEncoder: networks.portraitEncoder(),
      conditions: conditions, parameters: parameters, store: record.passes)
    var state =
      try known
      ?? DenoisingState(
        noise: parameters.noise(frames: plan.latentFrames, size: plan.size),
        windowCount: plan.windows.count)
    try report(.began(.denoising, total: plan.steps, resumed: state.step))
    let run = DenoisingRun(
      stage: stage, schedule: denoiser.sampler.schedule, record: record,
      preview: try preview(conditions.condition), job: self)
    let tally = try run.advance(&state, to: last)
    if let summary = tally.summary(parameters.acceleration, state) { try report(.note(summary)) }
    try report(.finished(.denoising))
    return end
  }

  /// The step after which the run ends.
  private func lastStep(of plan: JobPlan, _ known: DenoisingState?) -> Int {
    if let stop = job.request.stopAfterStep { return min(max(stop, known?.step ?? 0), plan.steps) }
    return job.request.decodesPartial ? known?.step ?? 0 : plan.steps
  }

  private func conditions(
    _ features: Tensor, _ plan: JobPlan
  ) throws -> DenoisingStage.Conditions {
    let text = try text()
    return DenoisingStage.Conditions(
      prompt: text.prompt, negativePrompt: text.negative, image: try image(),
      condition: try condition(frames: plan.windows.windows[0].count), features: features)
  }
}

/// The steps of one run, and what is written down between them.
private struct DenoisingRun {
  let stage: DenoisingStage
  let schedule: NoiseSchedule
  let record: DenoisingRecord
  let preview: LatentPreview?
  let job: JobRun

  /// Runs windows until a step is done; what stops it finds the latest state in the work folder.
  func advance(_ state: inout DenoisingState, to last: Int) throws -> PassTally {
    var tally = PassTally()
    var pace = SavingPace()
    var isSaved = true
    // After the last whole step, as long as it is not written: where the state is kept, in whichever
    // window, the estimate that goes with it is.
    var estimate: (step: Int, latents: Tensor)?
    func save() throws {
      try pace.save {
        if let estimate { try record.write(estimate: estimate.latents, step: estimate.step) }
        try record.write(state)
      }
      (estimate, isSaved) = (nil, true)
    }
    do {
      while state.step < last {
        let step = state.step
        let start = ContinuousClock.now
        let isComputed = try stage.advance(&state) { try job.report(.block($0)) }
        tally.add(isComputed: isComputed, .now - start)
        isSaved = false
        if state.step > step {
          estimate = try self.estimate(after: state)
          try show(estimate?.latents ?? state.latents, step: state.step)
        }
        if pace.isDue || state.step == last { try save() }
        if state.step > step { try job.report(.advanced(.denoising, done: state.step)) }
      }
    } catch {
      if !isSaved { try save() }
      throw error
    }
    return tally
  }

  /// Where it is time for a preview.
  private func show(_ latents: Tensor, step: Int) throws {
    guard let preview, let interval = job.job.request.previewInterval, step.isMultiple(of: interval)
    else { return }
    try job.show(latents, step: step, preview)
  }

  /// The clean latents as they look after a step, for whoever decodes what there is; nil after the
  /// last one, which leaves the latents themselves.
  private func estimate(after state: DenoisingState) throws -> (step: Int, latents: Tensor)? {
    guard state.step < schedule.stepCount else { return nil }
    // After a step the state's output is what the step began with.
    let sigmas = schedule.sigmas
    let latents = try CleanEstimate.latents(
      from: state.output, at: sigmas[state.step - 1], to: state.latents, at: sigmas[state.step],
      on: job.networks.context)
    return (state.step, latents)
  }
}
