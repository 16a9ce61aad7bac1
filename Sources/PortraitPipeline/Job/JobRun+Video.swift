import Imaging
import MediaIO
import TensorCore
import WanModels

extension JobRun {
  /// Latents to the output.
  ///
  /// - Returns: the output's frames.
  func video(_ clip: ClipLength, _ plan: JobPlan, isPartial: Bool) throws -> Int {
    let record = DenoisingRecord(folder, fingerprints.latents)
    guard let state = try record.kept(windowCount: plan.windows.windows.count) else {
      preconditionFailure("the latents were written")
    }
    let writer = try VideoWriter(
      path: job.request.output, rows: plan.size.height, columns: plan.size.width,
      frameRate: plan.frameRate,
      options: .init(quality: parameters.quality, sound: sound(clip, plan), overwrites: true))
    try report(.began(.decoding, total: plan.outputFrames, resumed: 0))
    var session = try networks.vaeDecoder().session(
      rows: plan.size.height / 8, columns: plan.size.width / 8)
    var frame = 0
    for latent in 0..<plan.latentFrames {
      let pixels = try session.decode(
        state.latents.sliced(latent..<latent + 1, axis: 1).contiguous())
      for index in 0..<pixels.shape[0] {
        if clip.kept.contains(frame) {
          try writer.append(bytes(pixels[index]), order: .rgb)
        }
        frame += 1
      }
      try report(.advanced(.decoding, done: frame))
    }
    try report(.finished(.decoding))
    return try writer.finish().frameCount
  }

  private func bytes(_ pixels: Tensor) throws -> Tensor {
    let floats = try pixels.floats()
    let result = try Tensor(uninitialized: pixels.shape, dtype: .u8)
    let target = result.pointer.assumingMemoryBound(to: UInt8.self)
    for (index, value) in floats.enumerated() {
      target[index] = UInt8(max(0, min(255, (value / 2 + 0.5) * 255)))
    }
    return result
  }

  /// The driving video's sound, in step with the output.
  private func sound(_ clip: ClipLength, _ plan: JobPlan) -> SoundSource? {
    guard parameters.keepsSound, let video = job.inputs.video else { return nil }
    return SoundSource(
      of: video,
      start: Rational(clip.soundDelay * plan.frameRate.denominator, plan.frameRate.numerator))
  }
}
