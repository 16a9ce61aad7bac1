import ArgumentParser
import Diffusion
import PortraitPipeline

/// The windows in which a clip is computed: three published names of one size, and the overlap.
struct WindowOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Latent frames of a window, each for 4 frames. Default: 51.", valueName: "n"))
  var contextSize: Int?

  @Option(
    help: ArgumentHelp(
      "Latent frames that neighbouring windows share. Default: 30, and less where the window is "
        + "smaller than 51.", valueName: "n"))
  var contextOverlap: Int?

  @Option(
    help: ArgumentHelp(
      "The same size in frames, 4 (context size - 1) + 1. Default: 201.", valueName: "n"))
  var subNumFrames: Int?

  @Option(help: ArgumentHelp("Another name of --context-size.", valueName: "n"))
  var latentsNumFrames: Int?

  func validate() throws {
    let limits = JobParameters.Limits.contextSize
    try FlagCheck.range("context-size", contextSize, limits)
    try FlagCheck.range("latents-num-frames", latentsNumFrames, limits)
    if let subNumFrames, JobParameters.contextSize(ofFrames: subNumFrames) == nil {
      throw ValidationError("--sub-num-frames \(subNumFrames): expected 4 n + 1, 1 to 16381")
    }
    let given = sizes
    for (flag, size) in given.dropFirst() where size != given[0].size {
      let first = given[0]
      let wanted =
        flag == "sub-num-frames"
        ? LatentScale.videoFrames(ofLatentFrames: first.size) : first.size
      throw ValidationError(
        "--\(first.flag) and --\(flag) contradict each other: expected --\(flag) \(wanted)")
    }
    guard let contextOverlap else { return }
    if let size = given.first?.size, contextOverlap >= size || contextOverlap < 0 {
      throw ValidationError("--context-overlap \(contextOverlap): expected 0 to \(size - 1)")
    }
    try FlagCheck.range("context-overlap", contextOverlap, 0...limits.upperBound - 1)
  }

  /// The window's size in latent frames under each name that was given.
  private var sizes: [(flag: String, size: Int)] {
    let given = [
      ("context-size", contextSize), ("latents-num-frames", latentsNumFrames),
      ("sub-num-frames", subNumFrames.flatMap(JobParameters.contextSize)),
    ]
    return given.compactMap { flag, size in size.map { (flag, $0) } }
  }

  /// Sets what was given.
  func apply(to parameters: inout JobParameters) {
    parameters.contextSize.set(sizes.first?.size)
    parameters.contextOverlap.set(contextOverlap)
  }
}
