import ArgumentParser
import PortraitPipeline
import TensorCore

struct InferCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "infer",
    abstract: "Animates a portrait: makes an MP4 from a picture and a driving video.",
    discussion: """
      The plan is printed first: size, frames, passes, memory, disk and time. A job that cannot \
      fit is refused before anything is computed.

      Whatever stops a run, the same command resumes it, with the same bytes in the end; what \
      depends on a changed input, parameter or checkpoint starts over. The path of each finished \
      video goes to standard output. The parameters are stored in the video: 'inspect' shows them.

      With --jobs, a job that fails does not stop the others; the exit status is then the \
      greatest of theirs. Outputs that an earlier run of the list made are skipped.
      """)

  @OptionGroup(title: "Inputs and output") var input: InputOptions
  @OptionGroup(title: "Video") var video: VideoOptions
  @OptionGroup(title: "Denoising") var denoising: DenoisingOptions
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

  func run() throws {
    let settings = try JobSettings(self)
    let entries = try settings.entries()
    let networks = JobNetworks(try settings.models())
    let arithmetic = entries.first?.request.parameters.arithmetic ?? .bf16
    let batch = JobBatch(reporting, isDryRun: work.dryRun, machine: .current(arithmetic)) {
      request in
      do { try settings.checkPaths(of: request) } catch CommandError.outputExists(let path) {
        // A list goes on behind what an earlier run of it has done; a single job says that it is.
        let job = input.jobs == nil ? nil : try PortraitJob(request, networks: networks)
        guard let job, job.isDone else { throw CommandError.outputExists(path: path) }
        return job
      }
      return try PortraitJob(request, networks: networks)
    }
    try batch.run(entries)
  }
}
