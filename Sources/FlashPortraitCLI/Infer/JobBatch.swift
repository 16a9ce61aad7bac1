import Foundation
import PortraitPipeline

/// Does jobs one after the other. One that fails does not stop the others; an interruption does.
package struct JobBatch {
  /// One job, and what it is called where there are several.
  package struct Entry {
    package var label: String?
    package var request: JobRequest
    /// What the user should know before it starts.
    package var notes: [String]
    /// How it is made faster, for the plan.
    package var choice: AccelerationChoice?

    package init(_ request: JobRequest, label: String? = nil, notes: [String] = []) {
      self.request = request
      self.label = label
      self.notes = notes
    }
  }

  private let reporting: ReportingOptions
  private let isDryRun: Bool
  private let machine: PlanReport.Machine
  private let make: (JobRequest) throws -> any RunnableJob

  /// - Parameters:
  ///   - isDryRun: whether the plans are the result.
  ///   - make: opens and checks a job's inputs; loads nothing.
  package init(
    _ reporting: ReportingOptions, isDryRun: Bool = false, machine: PlanReport.Machine,
    make: @escaping (JobRequest) throws -> any RunnableJob
  ) {
    self.reporting = reporting
    self.isDryRun = isDryRun
    self.machine = machine
    self.make = make
  }

  /// Checks and plans all jobs, then does them.
  ///
  /// - Throws: what the job throws where there is one; `CommandError.jobsFailed` for several, with
  ///   the greatest status among theirs; `CommandError.jobInterrupted`.
  package func run(_ entries: [Entry]) throws {
    guard entries.count > 1 || entries.first?.label != nil else {
      for entry in entries { try perform(entry, plan(entry)) }
      return
    }
    var failures: [ExitStatus] = []
    var planned: [(Entry, any RunnableJob)] = []
    // Whoever waits hours for the first job learns at once what is wrong with the second.
    for entry in entries {
      try attempt(entry, &failures) { planned.append((entry, try plan(entry))) }
    }
    for (entry, job) in planned {
      try attempt(entry, &failures) { try perform(entry, job) }
    }
    if let worst = failures.max(by: { $0.rawValue < $1.rawValue }) {
      throw CommandError.jobsFailed(
        failed: failures.count, count: entries.count, status: worst)
    }
  }

  private func attempt(
    _ entry: Entry, _ failures: inout [ExitStatus], _ work: () throws -> Void
  ) throws {
    do { try work() } catch {
      let failure = Failure(any: error)
      switch failure.status {
      case .interrupted, .terminated, .hungUp, .outputClosed: throw error
      default: break
      }
      failures.append(failure.status)
      let text = "\(entry.label ?? entry.request.output): \(failure.message)"
      var line = JobProgress.Line(event: .error, detail: failure.message)
      line.job = entry.label
      line.status = failure.status.rawValue
      let channel = ProgressChannel(reporting)
      if channel.isJSON {
        channel.emit(line, evenIfQuiet: true)
      } else {
        Console.current.printMessage("error: \(printableLines(text))")
      }
    }
  }

  private func plan(_ entry: Entry) throws -> any RunnableJob {
    let job = try make(entry.request)
    let report = PlanReport(
      job.request, job.plan, label: entry.label, choice: entry.choice, on: machine)
    let channel = ProgressChannel(reporting)
    for note in entry.notes {
      channel.say(note, as: JobProgress.Line(event: .note, detail: note))
    }
    if isDryRun {
      let lines = channel.isJSON ? [try jsonText(report)] : report.lines.map(printable)
      for line in lines { try Console.current.printResult(line) }
    } else {
      channel.say(report.lines.map(printable).joined(separator: "\n"), as: report)
    }
    return job
  }

  /// A list that was interrupted is taken up behind the jobs that it has done.
  private func passOver(_ entry: Entry, _ job: any RunnableJob) throws {
    try job.clearAway()
    let note = "\(job.request.output): is there already, made by the same job"
    var line = JobProgress.Line(event: .note, detail: note)
    line.job = entry.label
    ProgressChannel(reporting).say(note, as: line)
    try Console.current.printResult(job.request.output)
  }

  private func perform(_ entry: Entry, _ job: any RunnableJob) throws {
    guard !isDryRun else { return }
    guard !job.isDone else { return try passOver(entry, job) }
    let progress = JobProgress(
      reporting, label: entry.label, stopAfterStep: job.request.stopAfterStep)
    do {
      try Interruption.deferred {
        let outcome = try progress.watch {
          try job.run { event in
            // First what is done: it is kept, and counts.
            progress.receive(event)
            try Interruption.check()
          }
        }
        progress.close(outcome)
        if let output = outcome.output { try Console.current.printResult(output) }
      }
      // A reader of several results need not wait for the last.
      try Console.current.finish()
    } catch CommandError.interrupted(let signal) {
      // Where nothing was made, nothing is there to be continued.
      let isKept = FileManager.default.fileExists(atPath: job.plan.workFolder)
      guard isKept || progress.place != nil else { throw CommandError.interrupted(signal: signal) }
      throw CommandError.jobInterrupted(
        signal: signal, place: progress.place, folder: job.plan.workFolder,
        without: job.request.resumes ? nil : "--no-resume")
    }
  }
}
