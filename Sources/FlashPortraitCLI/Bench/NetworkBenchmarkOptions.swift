import ArgumentParser

/// The clip that an autoencoder codes.
struct ClipSizeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Latent frames; n stand for 4 n - 3 frames.", valueName: "count"))
  var frames = 5

  @Option(help: ArgumentHelp("Rows of a frame, in pixels.", valueName: "count"))
  var height = 256

  @Option(help: ArgumentHelp("Columns of a frame, in pixels.", valueName: "count"))
  var width = 256

  /// The sizes for a report.
  var parameters: [(name: String, value: Int)] {
    [("frames", frames), ("height", height), ("width", width)]
  }

  func validate() throws {
    for (name, value) in parameters { try BenchmarkOptions.check(name, value) }
  }

  /// Makes sure that the network can take pictures of this size.
  ///
  /// - Parameter unit: rows and columns of pixels in one of latents.
  /// - Throws: `ValidationError` where they are not multiples.
  func check(unit: Int) throws {
    for (name, value) in [("height", height), ("width", width)] where value % unit != 0 {
      throw ValidationError("--\(name) \(value): expected a multiple of \(unit)")
    }
  }
}

/// Where a network that is too large for memory has its weights from.
struct WeightOptions: ParsableArguments {
  @OptionGroup var sizes: GeometryOption

  @Option(
    help: ArgumentHelp(
      "Take the weights, and all sizes, from this folder.", valueName: "folder"),
    completion: .directory)
  var checkpoints: String?
}
