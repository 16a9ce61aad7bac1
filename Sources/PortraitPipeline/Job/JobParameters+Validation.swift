import Diffusion

extension JobParameters {
  /// What flags and files may ask for.
  package enum Limits {
    /// Pixels of a side.
    package static let side = 16...16384
    /// Sides are multiples of this: a patch of latents.
    package static let sideUnit = 16
    /// Latent frames of a window.
    package static let contextSize = 1...4096
    package static let steps = 1...NoiseSchedule.trainingSteps
    /// Of guidance and of the expression.
    package static let scale: ClosedRange<Float> = 0...100
    package static let shift = 0.01...100
    /// Of something that is 1 in all.
    package static let share = 0.0...1
    package static let riflexIndex = 1...16
    /// Frames a second.
    package static let frameRate = 0.1...1000
    /// Of libx264.
    package static let quality = 0.0...51
  }

  /// Frames that windows of the least and the greatest size have (`sub_num_frames`).
  package static let windowFrames = ClosedRange(
    uncheckedBounds: (
      LatentScale.videoFrames(ofLatentFrames: Limits.contextSize.lowerBound),
      LatentScale.videoFrames(ofLatentFrames: Limits.contextSize.upperBound)
    ))

  /// The size of a window that is given in frames (`sub_num_frames`).
  ///
  /// - Returns: nil for a number that no window has.
  package static func contextSize(ofFrames count: Int) -> Int? {
    guard windowFrames.contains(count), (count - 1) % LatentScale.frames == 0 else { return nil }
    return LatentScale.latentFrames(ofVideoFrames: count)
  }

  /// The overlap of windows for which nobody chose one: the published share of their size.
  package static func contextOverlap(ofSize size: Int) -> Int {
    let published = JobParameters()
    return size * published.contextOverlap / published.contextSize
  }

  /// - Throws: `PipelineError.parameter`, naming the flag; `DiffusionError.acceleration`,
  ///   `.distilledSteps`, `.shift`.
  package func validate() throws {
    func refuse(_ flag: String, _ expected: String, _ found: Any) -> PipelineError {
      .parameter(flag: flag, expected: expected, found: "\(found)")
    }
    func require<Value: Comparable>(
      _ flag: String, _ value: Value, in range: ClosedRange<Value>
    ) throws {
      guard !range.contains(value) else { return }
      throw refuse(flag, "\(range.lowerBound) to \(range.upperBound)", value)
    }
    try require("--max-size", maxSize, in: Limits.side)
    if let size {
      for (flag, side) in [("--width", size.width), ("--height", size.height)] {
        try require(flag, side, in: Limits.side)
        if side % Limits.sideUnit != 0 {
          throw refuse(flag, "a multiple of \(Limits.sideUnit)", side)
        }
      }
    }
    try require("--context-size", contextSize, in: Limits.contextSize)
    try require("--context-overlap", contextOverlap, in: 0...contextSize - 1)
    try require("--num-inference-steps", steps, in: Limits.steps)
    try require("--text-cfg-scale", textScale, in: Limits.scale)
    try require("--emo-cfg-scale", expressionScale, in: Limits.scale)
    try require("--ip-scale", expressionStrength, in: Limits.scale)
    try require("--shift", shift, in: Limits.shift)
    if distilledSteps != nil { _ = try scheduledSampler() }
    try require("--cfg-skip-ratio", guidanceSkip, in: Limits.share)
    switch acceleration {
    case .none: break
    case .prediction(let prediction): try prediction.validate()
    case .teaCache(let cache): try cache.validate()
    }
    if let riflexIndex { try require("--riflex-k", riflexIndex, in: Limits.riflexIndex) }
    if let frameLimit, frameLimit < 1 { throw refuse("--max-frames", "1 or more", frameLimit) }
    if let frameRate { try require("--fps", frameRate.value, in: Limits.frameRate) }
    if arithmetic == .int8 { throw refuse("--dtype", "bf16 or f32", arithmetic.rawValue) }
    switch acceleration {
    case .none: break
    case .prediction(let prediction): try prediction.validate()
    case .teaCache(let cache): try cache.validate()
    }
    try require("--crf", quality, in: Limits.quality)
  }
}
