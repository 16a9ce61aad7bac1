import ArgumentParser
import Checkpoints
import PortraitModels
import PortraitPipeline
import TensorCore

struct FeaturesCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "features",
    abstract: "Reads head pose, eyes, emotion and mouth from the face in a driving video.",
    discussion: """
      Writes 554 numbers for every frame, with landmarks, boxes and whether the frame shows the \
      face: `infer --features` takes them instead of the video.

      The face is chosen once and then followed; after a cut it is chosen anew. Frames that do not \
      show it are filled from their neighbours. --overlay draws what was found, with the number of \
      every face for --face.
      """)

  @Argument(
    help: ArgumentHelp("The driving video, in any format that FFmpeg reads.", valueName: "video"),
    completion: .file())
  var video: String

  @Option(
    name: .customLong("out"),
    help: ArgumentHelp("The features to write.", valueName: "file.safetensors"),
    completion: .file(extensions: ["safetensors"]))
  var output: String

  @Option(
    help: ArgumentHelp(
      "Also write the video with boxes, landmarks and numbers drawn.", valueName: "file.mp4"),
    completion: .file(extensions: ["mp4"]))
  var overlay: String?

  @Option(
    help: ArgumentHelp(
      "Whose face: largest, first, left, right, a number from the overlay, or the pixel x,y.",
      valueName: "choice"))
  var face = FaceChoice.largest

  @Option(
    help: ArgumentHelp(
      "Follow the chosen face, or take the largest face of every frame as published.",
      valueName: "following|published"))
  var tracking = FaceOptions.Tracking.following

  @Option(help: ArgumentHelp("Read at most n frames.", valueName: "n"))
  var maxFrames: Int?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @OptionGroup(title: "Networks") var networks: FaceNetworkOptions
  @OptionGroup(title: "Progress") var reporting: ReportingOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    if tracking == .published && face != .largest {
      throw ValidationError("--face \(face): --tracking published takes the largest face")
    }
    if !output.hasSuffix(".safetensors") {
      throw ValidationError("--out \(output): expected a name that ends in .safetensors")
    }
    if let overlay, !overlay.hasSuffix(".mp4") {
      throw ValidationError("--overlay \(overlay): expected a name that ends in .mp4")
    }
    if let maxFrames, maxFrames < 1 {
      throw ValidationError("--max-frames \(maxFrames): expected 1 or more")
    }
  }

  func run() throws {
    if try InputPath.check(video) == .folder {
      throw CommandError.inputIsNot(path: video, expected: "a video")
    }
    try OutputPath.check(
      [output] + (overlay.map { [$0] } ?? []), inputs: [video] + networks.files.values,
      overwrites: overwrite)
    let job = try FeatureJob(
      .init(
        video: video, output: output, overlay: overlay,
        options: .init(tracking: tracking, choice: face),
        frameLimit: maxFrames),
      models: networks.models())
    let stages = FeatureProgress(job, reporting)
    try Interruption.deferred {
      let outcome = try stages.watch { report in
        try job.run { event in
          try Interruption.check()
          report(event)
        }
      }
      stages.close(outcome)
    }
    for path in [output] + (overlay.map { [$0] } ?? []) { try Console.current.printResult(path) }
  }
}
