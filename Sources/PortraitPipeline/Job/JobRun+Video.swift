import Diffusion
import MediaIO
import OutputFiles
import TensorCore
import WanModels

extension JobRun {
  /// Latents to the output.
  ///
  /// - Parameter stopped: the step after which the denoising stopped, whose estimate of the clean
  ///   latents is decoded; nil where it went to the end.
  /// - Returns: the output's frames.
  func video(_ clip: ClipLength, _ plan: JobPlan, stoppedAfter stopped: Int?) throws -> Int {
    var fingerprint = fingerprints.video
    fingerprint.add("step", stopped.map(String.init) ?? "last")
    // In the mapped file: they may be long.
    let latents = try stopped == nil ? record.keptLatents() : record.keptEstimate()
    let options = VideoWriterOptions(
      quality: parameters.quality, preset: parameters.preset,
      metadata: JobTags.tags(job.request, plan, step: stopped), sound: sound(clip, plan),
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
    for warning in video.warnings { try report(.warning(warning)) }
    try report(.finished(.joining))
    return video.frameCount
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
