import Diffusion
import MediaIO
import OutputFiles
import TensorCore
import WanModels

extension JobRun {
  /// Latents to the output.
  ///
  /// - Parameter end: of the denoising; where it has stopped, the estimate of the clean latents is
  ///   decoded.
  /// - Returns: the output's frames, and the end with the step that the estimate is of.
  func video(
    _ clip: ClipLength, _ plan: JobPlan, after end: JobOutcome.End
  ) throws -> (frames: Int, end: JobOutcome.End) {
    var fingerprint = fingerprints.video
    let latents: Tensor
    let stopped: Int?
    // In the mapped file: they may be long.
    switch end {
    case .finished: (stopped, latents) = (nil, try record.keptLatents())
    case .stopped: (stopped, latents) = try record.keptEstimate()
    }
    fingerprint.add("step", stopped.map(String.init) ?? "last")
    let options = VideoWriterOptions(
      quality: parameters.quality, preset: parameters.preset,
      metadata: JobTags.tags(
        job.request, job.inputs, plan, adapters: networks.models.adapters, step: stopped),
      sound: sound(clip, plan),
      overwrites: job.request.overwrites)
    let decoding = VideoDecoding(
      decoder: try decoder(), latentFrames: plan.latentFrames, keeping: clip.kept,
      frameRate: plan.frameRate, options: options, folder: folder, fingerprint: fingerprint
    ) { try latents.sliced($0, axis: 1).contiguous() }
    let pieces = try decoding.run(report)
    try report(.began(.joining, total: plan.outputFrames, resumed: 0))
    let video = try VideoJoiner.join(pieces, to: job.request.output, options: options) {
      try self.report(.advanced(.joining, done: $0))
    }
    // The output is there: nothing is left that could be stopped.
    do {
      for warning in video.warnings { try report(.warning(warning)) }
      try report(.finished(.joining))
    } catch {}
    return (video.frameCount, stopped.map(JobOutcome.End.stopped) ?? .finished)
  }

  private func decoder() throws -> LatentDecoder {
    try parameters.usesTinyVAE
      ? .tiny(networks.tinyVAEDecoder()) : .full(networks.vaeDecoder(), tiling: parameters.tiling)
  }

  /// The driving video's sound, in step with the output.
  private func sound(_ clip: ClipLength, _ plan: JobPlan) -> SoundSource? {
    guard parameters.keepsSound, let video = job.inputs.video else { return nil }
    return SoundSource(
      of: video,
      start: Rational(clip.soundDelay * plan.frameRate.denominator, plan.frameRate.numerator))
  }
}
