import ArgumentParser

/// What the commands that make a video have in common, in the sections of their help.
struct JobOptions: ParsableArguments {
  @OptionGroup(title: "Inputs and output") var input: InputOptions
  @OptionGroup(title: "Video") var video: VideoOptions
  @OptionGroup(title: "Denoising") var denoising: DenoisingOptions
  @OptionGroup(title: "Acceleration") var caching: CachingOptions
  @OptionGroup(title: "Windows") var windows: WindowOptions
  @OptionGroup(title: "Checkpoints") var checkpoints: CheckpointOptions
  @OptionGroup(title: "Memory and arithmetic") var computing: ComputingOptions
  @OptionGroup(title: "Work") var work: WorkOptions
  @OptionGroup(title: "Progress") var reporting: ReportingOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    if input.jobs != nil {
      let single = [
        ("image", input.image), ("driven-video", input.drivenVideo), ("features", input.features),
        ("output", input.output), ("work-dir", work.workDir),
      ]
      for (flag, value) in single where value != nil {
        throw ValidationError("--\(flag): the file of --jobs says this for each job")
      }
    }
    guard input.features != nil else { return }
    for (flag, isGiven) in [
      ("fps", video.fps != nil), ("face", video.face != nil), ("tracking", video.tracking != nil),
    ] where isGiven {
      throw ValidationError("--\(flag): --features has this from the command that wrote it")
    }
  }
}
