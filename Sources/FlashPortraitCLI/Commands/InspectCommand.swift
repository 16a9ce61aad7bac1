import ArgumentParser
import Checkpoints

struct InspectCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Tells what a checkpoint, a folder of checkpoints, an ONNX file or a video holds.",
    discussion: """
      Reads .safetensors, sharded checkpoints by their .index.json, .pt, .pth and .bin files. Only \
      headers are read, unless --stats asks for the values. Of a video that 'infer' has made it \
      shows the parameters, of a work folder what is done.
      """)

  @Argument(
    help: "A checkpoint file, an index, a folder, an ONNX file, or a video.", completion: .file())
  var path: String

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(help: "List every tensor.")
  var tensors = false

  @Option(
    help: ArgumentHelp(
      "List the tensors whose names match; * stands for any text.", valueName: "glob"))
  var filter: String?

  @Flag(help: "Read the values: least, greatest, mean, NaNs and infinities of each listed tensor.")
  var stats = false

  @OptionGroup(title: "Machine") var machine: MachineOptions

  func run() throws {
    let wantsTensors = tensors || stats || filter != nil
    let request = CheckpointReport.Request(
      names: wantsTensors ? GlobPattern(filter ?? "*") : nil, statistics: stats)
    switch try InputPath.check(path) {
    case .file where VideoReport.isVideo(path):
      let report = try VideoReport(path)
      try show(report, report.lines)
    case .file where GraphReport.isGraph(path):
      let report = try GraphReport(path)
      try show(report, report.lines)
    case .file:
      let report = try CheckpointReport(Checkpoint.open(path), request)
      try show(report, report.lines)
    case .folder:
      if let report = try WorkFolderReport(path) { return try show(report, report.lines) }
      let report = try FolderReport(path, request)
      try show(report, report.lines)
      if let error = report.firstError { throw error }
    }
  }

  private func show(_ report: some Encodable, _ lines: @autoclosure () -> [String]) throws {
    if json { return try Console.current.printResult(jsonText(report)) }
    for line in lines() { try Console.current.printResult(line) }
  }
}
