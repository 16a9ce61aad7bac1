import PortraitPipeline

/// A job that was checked and planned.
package protocol RunnableJob {
  var request: JobRequest { get }
  var plan: JobPlan { get }
  /// Whether the output is there already, made by the same job.
  var isDone: Bool { get }

  /// Removes what a run has left that was killed behind its output.
  func clearAway() throws

  /// Does what is not done yet.
  ///
  /// - Parameter report: may throw to stop the job; what is done is kept.
  func run(_ report: @escaping (JobEvent) throws -> Void) throws -> JobOutcome
}

extension PortraitJob: RunnableJob {}
