import ArgumentParser
import Diffusion
import Foundation
import Layers
import PortraitPipeline
import TensorCore

struct BenchALPCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "alp",
    abstract: "Adaptive Latent Prediction: how near to a full run it comes.",
    discussion: """
      Runs a small model in memory whose velocity changes slowly from step to step, as a trained \
      one's does; how slowly is printed first. Three windows, expression guidance of 4, shift 5. \
      Distances are root-mean-square, of the latents from those of a run that computes all steps, \
      relative to these, at the end and, "earlier", when the last interval of five begins. Computed \
      and predicted steps are means over windows and models.
      """)

  @Option(help: ArgumentHelp("Models, each with weights and noise of its own.", valueName: "n"))
  var models = 3

  @Option(help: ArgumentHelp("Steps of the full run, 2 to 1000.", valueName: "n"))
  var steps = 30

  @Option(parsing: .upToNextOption, help: ArgumentHelp("Intervals K.", valueName: "k"))
  var intervals = [2, 3, 5, 8]

  @Option(parsing: .upToNextOption, help: ArgumentHelp("Orders n.", valueName: "n"))
  var orders = [1, 2, 3, 4]

  @Option(help: ArgumentHelp("Exponent of the speed's function.", valueName: "alpha"))
  var alpha = LatentPrediction().alpha

  @Option(help: "Arithmetic: bf16 or f32.")
  var dtype: FloatingArithmetic = .f32

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup(title: "Machine") var machine: MachineOptions

  func validate() throws {
    try FlagCheck.range("models", models, 1...100)
    try FlagCheck.range("steps", steps, 2...JobParameters.Limits.steps.upperBound)
    try FlagCheck.range("alpha", alpha, LatentPrediction.Limits.alpha)
    for interval in intervals {
      try FlagCheck.range("intervals", interval, LatentPrediction.Limits.interval)
    }
    for order in orders { try FlagCheck.range("orders", order, LatentPrediction.Limits.order) }
  }

  func run() throws {
    let execution = Execution(arithmetic: dtype.arithmetic, context: .shared)
    let study = try AccelerationStudy(
      models: models, steps: steps, alpha: alpha, execution: execution)
    let smoothness = try study.smoothness()
    var report = Report(
      steps: steps, models: models, alpha: alpha, dtype: dtype.rawValue, smoothness: smoothness)
    try show(smoothness.lines)
    for sampler in SamplerKind.allCases {
      report.sections.append(try study.equalPasses(sampler))
      try show(report.sections.last?.lines ?? [])
    }
    report.sections.append(try study.predictions(intervals: intervals, orders: orders))
    try show(report.sections.last?.lines ?? [])
    if json { try Console.current.printResult(jsonText(report)) }
  }

  private func show(_ lines: [String]) throws {
    guard !json else { return }
    for line in lines { try Console.current.printResult(line) }
  }

  private struct Report: Encodable {
    let steps: Int
    let models: Int
    let alpha: Double
    let dtype: String
    let smoothness: FieldSmoothness
    var sections: [AccelerationStudy.Section] = []
  }
}

extension FieldSmoothness {
  /// The figures for people.
  fileprivate var lines: [String] {
    func text(_ values: [Double]) -> String {
      values.map { String(format: "%.3f", $0) }.joined(separator: " ")
    }
    var table = TextTable([.left, .left], indent: "  ")
    table.add("differences of order 1 to 4 over an interval", text(differences))
    table.add("change over the run", text([change]))
    table.add("change over an interval, by block", text(changeOfBlocks))
    table.add("what blocks add to the stream", text(additionOfBlocks))
    table.add(
      "velocity by latents, timestep, expression", text([byLatents, byTimestep, byExpression]))
    return ["the model's hidden states"] + table.lines
  }
}
