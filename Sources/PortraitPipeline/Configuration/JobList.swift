import Foundation

/// Jobs to do one after the other (`infer --jobs FILE.yaml`):
///
///     defaults: {max_size: 512}
///     jobs:
///       - {image: a.png, driven_video: talk.mp4, output: a.mp4}
///       - {image: b.png, features: talk.safetensors, output: b.mp4, seed: 7}
///
/// Relative paths count from the file's folder. Networks are the same for all jobs: only `defaults` may
/// name them.
package struct JobList: Sendable, Equatable {
  package struct Job: Sendable, Equatable {
    /// From 1, in the order of the file.
    package let number: Int
    /// Given, or the output's file name.
    package let name: String
    /// The defaults with what the job says in their place.
    package let configuration: JobConfiguration
    package let image: String
    package let source: JobRequest.Source
    /// The video to write.
    package let output: String
  }

  package let path: String
  package let defaults: JobConfiguration
  package let jobs: [Job]

  /// - Throws: `PipelineError`.
  package init(path: String) throws {
    self.path = path
    (defaults, jobs) = try JobListReader(path: path).read()
  }
}
