import ArgumentParser

/// What a job keeps on its way, and how far it goes.
struct WorkOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Keep intermediate files here, and leave them at the end. Default: OUTPUT.work, which is "
        + "removed when the job is done", valueName: "folder"), completion: .directory)
  var workDir: String?

  @Flag(help: "Start over instead of resuming an earlier run of the same job.")
  var noResume = false

  @Option(help: ArgumentHelp("Stop after this step.", valueName: "n"))
  var stopAfterStep: Int?

  @Flag(help: "Decode the latents as they are after --stop-after-step, or after the steps so far.")
  var decodePartial = false

  @Option(
    help: ArgumentHelp("Write a PNG preview of the latents every n steps.", valueName: "n"))
  var previewEvery: Int?

  @Flag(help: "Print the plan and exit.")
  var dryRun = false

  func validate() throws {
    if workDir?.isEmpty == true {
      throw ValidationError("--work-dir: expected the name of a folder")
    }
    for (flag, value) in [("stop-after-step", stopAfterStep), ("preview-every", previewEvery)] {
      if let value, value < 1 { throw ValidationError("--\(flag) \(value): expected 1 or more") }
    }
  }
}
