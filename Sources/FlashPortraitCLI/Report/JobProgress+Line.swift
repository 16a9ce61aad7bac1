import PortraitPipeline

extension JobProgress {
  /// One JSON line of a job's progress; keys in snake_case, those without a value are left out.
  struct Line: Encodable {
    enum Event: String, Encodable {
      /// What the job will do: see `JobPlanReport`.
      case plan
      /// A stage begins: `stage`, `total`, `resumed`.
      case began
      /// A stage is done since an earlier run: `stage`.
      case kept
      /// Where a stage is: `stage`, `seconds` of it in this run, `eta_seconds`, and either `step`,
      /// `steps`, `window`, `windows`, `block`, `blocks` (all from 1) or `done` and `total` frames.
      case progress
      /// A step is done: `step`, `steps`, `step_seconds`, `eta_seconds`.
      case step
      /// A stage is done: `stage`, `seconds`, `done`.
      case finished
      /// A preview was written: `path`.
      case preview
      /// `detail` says it.
      case note, warning
      /// A job among several has failed: `detail`, and its exit `status`.
      case error
      /// The job is done: `path`, `frames`, `seconds`.
      case done
      /// It stopped as asked for, after `step`.
      case stopped
    }

    var event: Event
    var stage: String?
    /// Its label among several.
    var job: String?
    var total: Int?
    var resumed: Int?
    var done: Int?
    var step: Int?
    var steps: Int?
    var window: Int?
    var windows: Int?
    var block: Int?
    var blocks: Int?
    var frames: Int?
    var seconds: Double?
    var stepSeconds: Double?
    /// Until the stage ends.
    var etaSeconds: Double?
    var path: String?
    var detail: String?
    var status: Int32?

    init(event: Event, stage: JobStage? = nil, path: String? = nil, detail: String? = nil) {
      self.event = event
      self.stage = stage?.rawValue
      self.path = path
      self.detail = detail
    }

    init(_ progress: StageProgress, at time: Double) {
      self.init(event: .progress, stage: progress.stage)
      seconds = roundedToMilliseconds(time - progress.start)
      etaSeconds = progress.remaining(at: time).map(roundedToMilliseconds)
      if let place = progress.place {
        (step, steps) = (place.step + 1, place.steps)
        (window, windows) = (place.window + 1, place.windows)
        (block, blocks) = (place.block + 1, place.blocks)
      } else if progress.stage == .denoising, let total = progress.total {
        (step, steps) = (min(progress.done + 1, total), total)
      } else {
        (done, total) = (progress.done, progress.total)
      }
    }
  }
}
