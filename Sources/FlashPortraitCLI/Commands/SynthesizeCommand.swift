import ArgumentParser
import Checkpoints
import PortraitPipeline
import TensorCore

struct SynthesizeCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "synthesize",
    abstract: "Writes a folder of checkpoints whose weights come from a formula.",
    discussion: """
      For trying speed, memory and whole jobs without a download: the files, tensors and types are \
      those of the published folder, at any size, but nothing in them is trained. The face networks \
      answer the same whatever they see: one face in the middle of any picture.

      A geometry file changes some sizes of a named geometry: {"base": "14b", "transformer": \
      {"num_layers": 4}}. FOLDER/FlashPortrait/geometry.json, which is written too, lists all keys.

      Memory stays bounded whatever the size, files appear under their names only when complete, \
      and the same command takes up again what was interrupted.
      """)

  @Option(
    help: ArgumentHelp(
      "Sizes of the networks: 14b (49 GB), 1.3b (17 GB), tiny (8 MB), or a file that changes some.",
      valueName: "name|file.json"),
    completion: .file(extensions: ["json"]))
  var geometry: GeometrySource

  @Option(
    name: .customLong("out"),
    help: ArgumentHelp("The folder to write, made where it is not there.", valueName: "folder"),
    completion: .directory)
  var output: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Write the files of these networks only.",
      valueName: "network"))
  var networks: [SyntheticNetwork] = []

  @Flag(help: "Replace existing files that differ.")
  var overwrite = false

  @OptionGroup(title: "Progress") var reporting: ReportingOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    if output.isEmpty { throw ValidationError("--out: expected the name of a folder") }
  }

  func run() throws {
    let wanted = networks.isEmpty ? SyntheticNetwork.all : networks
    let plan = try SynthesisPlan(
      geometry.load(), networks: Set(wanted.compactMap(\.network)),
      faces: Set(wanted.compactMap(\.face)), adapter: wanted.contains(.adapter))
    let synthesis = try CheckpointSynthesis(plan, folder: output, overwrites: overwrite)
    let progress = Progress("writing \(output)", total: synthesis.byteCount, reporting)
    for file in synthesis.kept { progress.detail("\(output)/\(file.path): there already") }
    if !synthesis.kept.isEmpty {
      progress.note("\(output): \(formatCount(synthesis.kept.count, "file")) there already, kept")
    }
    try Interruption.deferred {
      do {
        try synthesis.run { event in
          try Interruption.check()
          switch event {
          case .wrote(let bytes): progress.advance(bytes)
          case .finished(let path): progress.detail(path)
          }
        }
      } catch {
        progress.closeLine()
        throw error
      }
      progress.finish()
    }
    try Console.current.printResult(output)
  }
}

/// A network that can be made, by its name.
enum SyntheticNetwork: ExpressibleByArgument, Equatable {
  case weights(NetworkName)
  case graph(FaceNetworkName)
  /// The 4-step LoRA.
  case adapter

  static let all =
    NetworkName.allCases.map(weights) + FaceNetworkName.allCases.map(graph) + [.adapter]
  static let allValueStrings = all.map(\.defaultValueDescription)

  init?(argument: String) {
    guard let network = Self.all.first(where: { $0.defaultValueDescription == argument }) else {
      return nil
    }
    self = network
  }

  var network: NetworkName? {
    if case .weights(let name) = self { name } else { nil }
  }

  var face: FaceNetworkName? {
    if case .graph(let name) = self { name } else { nil }
  }

  var defaultValueDescription: String {
    switch self {
    case .weights(let name): name.rawValue
    case .graph(let name): name.rawValue
    case .adapter: "lora"
    }
  }
}
