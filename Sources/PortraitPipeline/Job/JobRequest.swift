/// A portrait to animate: files, parameters, and what happens on the way.
package struct JobRequest: Sendable {
  package enum Source: Sendable, Equatable {
    /// The driving video.
    case video(String)
    /// Features that `features` has written; the sound, if any, comes from the video.
    case features(String, soundFrom: String?)
  }

  package var image: String
  package var source: Source
  package var output: String
  package var parameters: JobParameters
  /// nil: chosen from the free memory.
  package var memoryMode: MemoryMode?
  /// nil: beside the output, and removed once that is there.
  package var workFolder: String?
  /// Whether what is in the work folder is taken up.
  package var resumes = true
  package var overwrites = false
  /// Ends the run after so many steps; what is done stays in the work folder.
  package var stopAfterStep: Int?
  /// Decodes the latents as they are when the run stops.
  package var decodesPartial = false
  /// Steps between two previews; nil for none.
  package var previewInterval: Int?

  package init(
    image: String, source: Source, output: String, parameters: JobParameters = JobParameters()
  ) {
    self.image = image
    self.source = source
    self.output = output
    self.parameters = parameters
  }

  /// Where a job works unless the user chooses a folder.
  package var usualWorkFolder: String { "\(output).work" }
}

/// Which networks are in memory at a time, by the published names.
package enum MemoryMode: String, CaseIterable, Sendable {
  /// All networks from the start.
  case modelFullLoad = "model_full_load"
  /// One network at a time.
  case modelCPUOffload = "model_cpu_offload"
  /// One block of a network at a time, read from the mapped files.
  case sequentialCPUOffload = "sequential_cpu_offload"
  /// All networks with 8-bit weights.
  case modelFullLoadQuantised = "model_full_load_and_qfloat8"
  /// One network at a time, with 8-bit weights.
  case modelCPUOffloadQuantised = "model_cpu_offload_and_qfloat8"
}
