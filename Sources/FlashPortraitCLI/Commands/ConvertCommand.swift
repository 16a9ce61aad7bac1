import ArgumentParser
import Checkpoints
import TensorCore

struct ConvertCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Writes a checkpoint as safetensors: other types, split, in shards, quantised.",
    discussion: """
      Reads .pt, .pth, .bin, .safetensors, an .index.json, or a folder with one of them. Memory \
      stays bounded whatever the size; outputs appear under their names only when complete.

      --split writes OUTPUT/transformer.safetensors and OUTPUT/portrait_encoder.safetensors from a \
      trained file with 'transformer3d.' and 'portrait_encoder.' names.

      --quantise int8 stores the weights of products inside blocks as signed bytes under their own \
      names, with a float32 scale for each output channel beside them as '<name>.scale': \
      weight[n, k] = bytes[n, k] * scale[n]. --quantise f8 rounds the same weights to F8_E4M3. All \
      other tensors follow --dtype.

      --lora adds strength * alpha / rank * up * down (and differences of weights, biases and \
      modulation) in float32 and rounds the sum once.
      """)

  @Argument(help: "The checkpoint to read.", completion: .file())
  var input: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The .safetensors file to write; with --split a folder.", valueName: "path"),
    completion: .file())
  var output: String

  @Option(help: "Element type of the floating-point tensors.")
  var dtype: TargetType = .keep

  @Option(help: "Store the weights of products inside blocks in 8 bits.")
  var quantise: Quantisation?

  @Option(
    name: .customLong("lora"),
    help: ArgumentHelp(
      "Merge this adapter, with a strength (default 1); may be repeated.",
      valueName: "path[:weight]"), completion: .file())
  var loras: [WeightedPath] = []

  @Flag(help: "Leave out adapter tensors that fit no weight, instead of refusing them.")
  var allowUnmatchedLora = false

  @Option(
    help: ArgumentHelp("Take this off the names that start with it.", valueName: "prefix"))
  var prefixStrip: String?

  @Flag(help: "Write the two networks of a trained file apart.")
  var split = false

  @Option(
    help: ArgumentHelp(
      "Cut into shards of at most this size (5GB, 500MB) with an index.", valueName: "size"))
  var shardSize: ByteSize?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @OptionGroup(title: "Progress") var reporting: ReportingOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    if split && output.hasSuffix(".safetensors") {
      throw ValidationError("--split writes two files: --output names their folder")
    }
    if !split && !output.hasSuffix(".safetensors") {
      throw ValidationError("--output \(output): expected a name that ends in .safetensors")
    }
    if split && prefixStrip != nil {
      throw ValidationError("--split takes off the prefixes itself: leave --prefix-strip out")
    }
  }

  func run() throws {
    try InputPath.check(input)
    let file = try Checkpoint.open(input)
    let request = ConversionRequest(
      output: output, type: dtype, quantisation: quantise, prefix: prefixStrip, splits: split,
      shardSize: shardSize?.bytes)
    let plan = try request.plan(for: file)
    let input = try ConversionInput(
      file, adapters: loras, items: plan.items, leavesOutMisfits: allowUnmatchedLora)
    if split { try OutputPath.makeFolder(output) }
    try OutputPath.check(
      plan.outputPaths, inputs: inputPaths(of: file) + loras.map(\.path), overwrites: overwrite)
    try plan.checkRoom()
    let progress = Progress("writing \(output)", total: plan.byteCount, reporting)
    let leftOut = request.leftOut(of: file)
    if let first = leftOut.first {
      progress.warn("\(formatCount(leftOut.count, "tensor")) of no network left out: \(first) ...")
    }
    for report in input.adapterReports { tell(report, progress) }
    try Interruption.deferred {
      try CheckpointConversion(
        input: input, plan: plan, metadata: outputMetadata(of: file), progress: progress
      ).run()
    }
    for path in plan.groups.flatMap({ $0.indexPath.map { [$0] } ?? $0.files.map(\.path) }) {
      try Console.current.printResult(path)
    }
  }

  private func tell(_ report: AdapterReport, _ progress: Progress) {
    progress.note(
      "\(report.path): changes \(formatCount(report.merged.count, "tensor"))")
    for misfit in report.misfits {
      progress.warn("\(report.path): \(misfit.names.joined(separator: ", ")) \(misfit.reason)")
    }
  }

  private func inputPaths(of file: any TensorFile) -> [String] {
    [file.path] + ((file as? ShardedCheckpoint)?.shardPaths ?? [])
  }

  /// What the input says about itself, and what the public loaders want to read.
  private func outputMetadata(of file: any TensorFile) -> [String: String] {
    var metadata = file.format == .safetensors ? file.metadata : [:]
    metadata["format"] = "pt"
    if quantise == .int8 { metadata["quantisation"] = "int8 rows, weight = bytes * <name>.scale" }
    return metadata
  }
}
