import ArgumentParser
import Checkpoints
import PortraitPipeline

/// Where all networks are: a folder of checkpoints, or single files that win over it.
struct CheckpointOptions: ParsableArguments {
  @OptionGroup var face: FaceNetworkOptions

  @Option(
    help: ArgumentHelp(
      "Where Wan2.1-I2V-14B-720P is, if not in the folder of checkpoints.", valueName: "folder"),
    completion: .directory)
  var wanModel: String?

  @Option(
    help: ArgumentHelp("Use this file as the transformer.", valueName: "file"), completion: .file())
  var transformer: String?

  @Option(
    help: ArgumentHelp("Use this file as the portrait encoder.", valueName: "file"),
    completion: .file())
  var portraitEncoder: String?

  @Option(help: ArgumentHelp("Use this file as the VAE.", valueName: "file"), completion: .file())
  var vae: String?

  @Option(
    help: ArgumentHelp("Use this file as the text encoder.", valueName: "file"), completion: .file()
  )
  var textEncoder: String?

  @Option(
    help: ArgumentHelp("Use this file as the image encoder.", valueName: "file"),
    completion: .file())
  var imageEncoder: String?

  @Option(
    help: ArgumentHelp("Use this file as the tokenizer.", valueName: "file.model"),
    completion: .file())
  var tokenizer: String?

  @Option(
    name: .customLong("lora"),
    help: ArgumentHelp(
      "Merge this adapter into the networks, with a strength (default 1); may be repeated.",
      valueName: "path[:weight]"), completion: .file())
  var loras: [WeightedPath] = []

  func validate() throws {
    for lora in loras { try FlagCheck.range("lora", lora.weight, -100...100) }
  }

  /// The files that were given singly.
  var files: [CheckpointLayout.Part: String] {
    let given: [(CheckpointLayout.Part, String?)] = [
      (.transformer, transformer), (.portraitEncoder, portraitEncoder), (.vae, vae),
      (.textEncoder, textEncoder), (.imageEncoder, imageEncoder), (.tokenizer, tokenizer),
    ]
    return given.reduce(into: face.files) { files, next in
      if let path = next.1 { files[next.0] = path }
    }
  }
}
