/// The parts of a job, in the order in which they run.
package enum JobStage: String, Sendable, CaseIterable {
  /// Driving video to expression features.
  case features
  case text
  case image
  /// The picture through the autoencoder.
  case condition
  case denoising
  /// Latents to pixels to H.264.
  case decoding
  /// Pieces of video and the sound to the output.
  case joining
}

/// What there is to tell on the way; the receiver may throw to stop the job, which keeps what is
/// done.
package enum JobEvent: Sendable {
  /// A stage begins; `resumed` counts what an earlier run has done of `total` (frames, steps).
  case began(JobStage, total: Int?, resumed: Int)
  /// A stage is taken whole from an earlier run.
  case kept(JobStage)
  /// Frames or steps that a stage has done, the resumed ones included.
  case advanced(JobStage, done: Int)
  /// Inside a denoising step: block `block` of `blocks` of window `window` of `windows` is done.
  case block(DenoisingPlace)
  case finished(JobStage)
  /// A preview was written.
  case preview(path: String)
  case note(String)
  case warning(String)
}

/// Where in the denoising a job is.
package struct DenoisingPlace: Sendable, Equatable {
  /// The step in hand, from 0.
  package var step: Int
  package var steps: Int
  /// The window in hand, from 0.
  package var window: Int
  package var windows: Int
  /// The block that was done last, from 0; it is done for all of the window's predictions.
  package var block: Int
  package var blocks: Int
  /// Of all blocks of the run, those that are done; of a resumed run, the whole run counts.
  package var share: Double

  package init(
    step: Int, steps: Int, window: Int, windows: Int, block: Int, blocks: Int, share: Double
  ) {
    self.step = step
    self.steps = steps
    self.window = window
    self.windows = windows
    self.block = block
    self.blocks = blocks
    self.share = share
  }
}

/// What a job has done.
package struct JobOutcome: Sendable, Equatable {
  package enum End: Sendable, Equatable {
    /// The output is whole.
    case finished
    /// It stopped after this step, as asked for.
    case stopped(step: Int)
  }

  package var end: End
  /// The video that was written; nil where the run stopped without one.
  package var output: String?
  package var frames: Int
  package var seconds: Double

  package init(end: End, output: String?, frames: Int, seconds: Double) {
    self.end = end
    self.output = output
    self.frames = frames
    self.seconds = seconds
  }
}
