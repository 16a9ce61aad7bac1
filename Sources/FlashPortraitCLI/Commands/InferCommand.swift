import ArgumentParser

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

  @OptionGroup var options: JobOptions

  var machine: MachineOptions { options.machine }

  func run() throws { try JobSettings(options).run() }
}
