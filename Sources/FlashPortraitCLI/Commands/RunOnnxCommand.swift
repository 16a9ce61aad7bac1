import ArgumentParser
import Checkpoints
import Foundation
import ONNX
import TensorCore

struct RunOnnxCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "run-onnx",
    abstract: "Runs an ONNX model on tensors of a safetensors file.",
    discussion: """
      The inputs' names, types and shapes are the model's; without --inputs they are printed, and \
      nothing runs. Arithmetic is float32.
      """)

  @Argument(help: "An ONNX file.", completion: .file(extensions: ["onnx"]))
  var model: String

  @Option(
    help: ArgumentHelp(
      "A file with one tensor for each of the model's inputs.", valueName: "in.safetensors"),
    completion: .file(extensions: ["safetensors"]))
  var inputs: String?

  @Option(
    help: ArgumentHelp(
      "Where the model's outputs go, replaced where it is there; without it they are only described.",
      valueName: "out.safetensors"),
    completion: .file(extensions: ["safetensors"]))
  var outputs: String?

  @Option(
    name: .customLong("repeat"),
    help: ArgumentHelp("Run so often more, and report the times.", valueName: "n"))
  var repetitions: Int?

  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    if let repetitions, !(1...1_000_000).contains(repetitions) {
      throw ValidationError("--repeat \(repetitions): expected 1 to 1000000")
    }
    if inputs == nil, outputs != nil || repetitions != nil {
      throw ValidationError("--inputs: expected a file, for --outputs and --repeat need a run")
    }
  }

  func run() throws {
    guard try InputPath.check(model) == .file else {
      throw CommandError.inputUnreadable(path: model, reason: "a folder, not an ONNX file")
    }
    if let outputs {
      try OutputPath.check(
        [outputs], inputs: [model] + (inputs.map { [$0] } ?? []), overwrites: true)
    }
    guard let inputs else {
      for line in try GraphReport(model).values { try Console.current.printResult(line) }
      return
    }
    let network = try ONNXNetwork(contentsOf: model)
    let file = try SafetensorsFile(path: inputs)
    let values = try Dictionary(
      uniqueKeysWithValues: file.entries.map { ($0.name, try file.tensor($0.name)) })
    let results = try network.run(values)
    try measure(network, values)
    let named = network.outputs.compactMap { output in
      results[output.name].map { (name: output.name, tensor: $0) }
    }
    if let outputs { try SafetensorsWriter.write(named, to: outputs) }
    for (name, tensor) in named {
      try Console.current.printResult("\(name): \(tensor.dtype.rawValue) \(tensor.shape)")
    }
  }

  /// Reports the times of further runs.
  private func measure(_ network: ONNXNetwork, _ values: [String: Tensor]) throws {
    guard let repetitions else { return }
    var milliseconds: [Double] = []
    for _ in 0..<repetitions {
      try Interruption.check()
      let time = try ContinuousClock().measure { _ = try network.run(values) }
      milliseconds.append(time / .milliseconds(1))
    }
    milliseconds.sort()
    Console.current.printMessage(
      String(
        format: "%d runs: median %.3f ms, least %.3f ms", repetitions,
        milliseconds[repetitions / 2], milliseconds[0]))
  }
}
