import MediaIO
import PortraitPipeline

/// Tells how far the reading of a driving video is: one stage after another.
final class FeatureProgress {
  private let job: FeatureJob
  private let options: ReportingOptions
  private var stage: FeatureJob.Stage?
  private var progress: Progress?
  private var frames = 0
  private var total: Int
  private let start = ContinuousClock.now

  init(_ job: FeatureJob, _ options: ReportingOptions) {
    self.job = job
    self.options = options
    total = job.expectedFrames ?? 0
  }

  /// Does the work and passes on what it reports.
  func watch<Result>(
    _ work: ((FeatureJob.Event) -> Void) throws -> Result
  ) throws -> Result {
    plan()
    do { return try work(receive) } catch {
      progress?.closeLine()
      throw error
    }
  }

  /// What will be done, before it is.
  private func plan() {
    let video = job.video
    var text = "\(video.columns)x\(video.rows), \(formatRate(video.frameRate.value)) frames/s"
    if let frames = job.expectedFrames { text += ", about \(formatCount(frames, "frame"))" }
    let progress = Progress(job.request.video, total: 0, options)
    progress.note("\(job.request.video): \(text)")
  }

  private func receive(_ event: FeatureJob.Event) {
    switch event {
    case .warning(let text):
      endStage()
      Progress(job.request.video, total: 0, options).warn("\(job.request.video): \(text)")
    case .frame(let stage):
      if stage != self.stage { begin(stage) }
      frames += 1
      progress?.advance(1)
    }
  }

  private func begin(_ stage: FeatureJob.Stage) {
    endStage()
    // From the second stage on the number of frames is known.
    if self.stage != nil { total = frames }
    self.stage = stage
    frames = 0
    progress = Progress(stage.title, total: total, in: .items("frame"), options)
  }

  private func endStage() {
    progress?.finish()
    progress = nil
  }

  /// The last line.
  func close(_ outcome: FeatureJob.Outcome) {
    endStage()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    Progress(job.request.video, total: 0, options).note(
      "\(job.request.video): a face in \(outcome.faces) of "
        + "\(formatCount(outcome.frames, "frame")), "
        + "\(formatRate(Double(outcome.frames) / seconds)) frames/s in all")
  }
}

extension FeatureJob.Stage {
  fileprivate var title: String {
    switch self {
    case .search: "finding the face"
    case .reading: "reading the expression"
    case .overlay: "drawing the overlay"
    }
  }
}
