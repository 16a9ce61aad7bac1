import ArgumentParser

/// What a job takes and where its video goes.
struct InputOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The picture to animate.", valueName: "file"), completion: .file())
  var image: String?

  @Option(
    help: ArgumentHelp(
      "The driving video: its face moves the picture, its sound goes into the output.",
      valueName: "file"), completion: .file())
  var drivenVideo: String?

  @Option(
    help: ArgumentHelp(
      "What 'features' has written, in place of a driving video; --driven-video then gives "
        + "only the sound.",
      valueName: "file.safetensors"), completion: .file(extensions: ["safetensors"]))
  var features: String?

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The video to write.", valueName: "file.mp4"),
    completion: .file(extensions: ["mp4"]))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Parameters under their published names; flags override them.", valueName: "file.yaml"),
    completion: .file(extensions: ["yaml", "yml"]))
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Many jobs, with the same keys as --config; flags override them.",
      valueName: "file.yaml"),
    completion: .file(extensions: ["yaml", "yml"]))
  var jobs: String?

  @Flag(help: "Replace an existing output.")
  var overwrite = false

  func validate() throws {
    try FlagCheck.ending("output", output, ".mp4")
    try FlagCheck.ending("features", features, ".safetensors")
    for (flag, value) in [
      ("image", image), ("driven-video", drivenVideo), ("config", config), ("jobs", jobs),
    ] where value?.isEmpty == true {
      throw ValidationError("--\(flag): expected the name of a file")
    }
  }
}
