import Layers
import TensorCore

/// An image and a driving video to a video (FlashPortrait `infer.py`).
package final class PortraitJob {
  package let request: JobRequest
  package let plan: JobPlan

  /// Opens and checks every input and makes the plan; no network is loaded.
  ///
  /// - Throws: the errors of every module, for what is wrong with an input, a parameter or the
  ///   machine.
  package init(
    _ request: JobRequest, models: ModelFolder, context: ComputeContext = .shared
  ) throws {
    self.request = request
    preconditionFailure("being built")
  }

  /// Does what is not done yet.
  ///
  /// - Parameter report: may throw to stop the job; what is done is kept.
  package func run(_ report: (JobEvent) throws -> Void) throws -> JobOutcome {
    preconditionFailure("being built")
  }
}
