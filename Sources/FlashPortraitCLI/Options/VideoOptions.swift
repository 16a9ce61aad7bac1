import ArgumentParser
import MediaIO
import PortraitModels
import PortraitPipeline

/// What the video shows, how large and long it is, and how it is encoded.
struct VideoOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What is seen: first frame, behaviour, background. Default: 'The girl is singing'.",
      valueName: "text"))
  var prompt: String?

  @Option(
    help: ArgumentHelp(
      "What should not be seen, where --text-cfg-scale is not 1. Default: Wan's.",
      valueName: "text"))
  var negativePrompt: String?

  @Option(help: ArgumentHelp("The longer side. Default: 720.", valueName: "pixels"))
  var maxSize: Int?

  @Option(help: ArgumentHelp("With --height, instead of --max-size.", valueName: "pixels"))
  var width: Int?

  @Option(help: ArgumentHelp("With --width; both are multiples of 16.", valueName: "pixels"))
  var height: Int?

  @Option(
    help: ArgumentHelp(
      "Read the driving video at this rate: 25, 30000/1001, 12.5. Default: its own.",
      valueName: "rate"))
  var fps: FrameRateArgument?

  @Option(help: ArgumentHelp("Use at most n frames of the driving video.", valueName: "n"))
  var maxFrames: Int?

  @Option(
    help: ArgumentHelp(
      "All frames of the driving video, or a multiple of 4 as published. Default: exact.",
      valueName: "length"))
  var length: JobParameters.Length?

  @Option(
    help: ArgumentHelp(
      "Whose face: largest, first, left, right, a number from 'features --overlay', or the pixel "
        + "x,y. Default: largest.", valueName: "choice"))
  var face: FaceChoice?

  @Option(
    help: ArgumentHelp(
      "Follow the chosen face, or take the largest of every frame. Default: following.",
      valueName: "tracking"))
  var tracking: FaceOptions.Tracking?

  @Option(
    help: ArgumentHelp("H.264 quality, 0 (lossless) to 51. Default: 17.", valueName: "quality"))
  var crf: Double?

  @Option(
    help: ArgumentHelp(
      "H.264 effort, ultrafast to veryslow. Default: medium.", valueName: "preset"))
  var preset: VideoWriterOptions.Preset?

  @Flag(inversion: .prefixedNo, help: "Keep the driving video's sound. Default: --audio.")
  var audio: Bool?

  func validate() throws {
    typealias Limits = JobParameters.Limits
    try FlagCheck.range("max-size", maxSize, Limits.side)
    for (flag, value) in [("width", width), ("height", height)] {
      guard let value else { continue }
      guard Limits.side.contains(value), value % Limits.sideUnit == 0 else {
        throw ValidationError("--\(flag) \(value): expected a multiple of 16 up to 16384")
      }
      if maxSize != nil { throw ValidationError("--max-size and --\(flag) contradict each other") }
    }
    if (width == nil) != (height == nil) {
      throw ValidationError("--\(width == nil ? "height" : "width"): give both sides")
    }
    if let rate = fps?.rate, !Limits.frameRate.contains(rate.value) {
      throw ValidationError("--fps \(rate): expected 0.1 to 1000")
    }
    if let maxFrames, maxFrames < 1 {
      throw ValidationError("--max-frames \(maxFrames): expected 1 or more")
    }
    try FlagCheck.range("crf", crf, Limits.quality)
    if tracking == .published, let face, face != .largest {
      throw ValidationError("--face \(face): --tracking published takes the largest face")
    }
  }

  /// Sets what was given.
  func apply(to parameters: inout JobParameters) {
    parameters.prompt.set(prompt)
    parameters.negativePrompt.set(negativePrompt)
    if let maxSize {
      parameters.maxSize = maxSize
      parameters.size = nil
    }
    if let width, let height { parameters.size = PictureSize(width: width, height: height) }
    if let fps { parameters.frameRate = fps.rate }
    if let maxFrames { parameters.frameLimit = maxFrames }
    parameters.length.set(length)
    parameters.face.choice.set(face)
    parameters.face.tracking.set(tracking)
    parameters.quality.set(crf)
    parameters.preset.set(preset)
    parameters.keepsSound.set(audio)
  }
}

extension Equatable {
  /// Takes a value that was given.
  mutating func set(_ value: Self?) {
    if let value { self = value }
  }
}
