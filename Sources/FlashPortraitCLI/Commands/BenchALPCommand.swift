import ArgumentParser
import Diffusion
import Foundation
import Layers
import PortraitPipeline
import TensorCore

struct BenchALPCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "alp", abstract: "Adaptive Latent Prediction on a smooth model.")

  @Option var seed = 1
  @OptionGroup(title: "Machine") var machine: MachineOptions

  func out(_ items: Any...) throws { try Console.current.printResult(items.map { "\($0)" }.joined(separator: " ")) }
  func run() throws {
    let model = try SmoothModel(
      seed: seed, execution: Execution(arithmetic: .f32, context: .shared))
    var parameters = JobParameters()
    let full = try model.run(parameters)
    let s = try model.smoothness(full, SamplerKind.flow.sampler(steps: 30, shift: 5).schedule, interval: 5)
    try out(full.seconds)
    for c in Mirror(reflecting: s).children {
      let v = (c.value as? [Double]) ?? [c.value as! Double]
      try out(c.label!, v.map { String(format: "%.3f", $0) }.joined(separator: " "))
    }
    func rms(_ a: [Float]) -> Double { (a.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(a.count)).squareRoot() }
    try out("latents", full.steps.map { String(format: "%.2f", rms(try! $0.floats())) }.joined(separator: " "))
    for steps in [7, 15] {
      parameters.steps = steps
      let r = try model.run(parameters)
      try out(steps, rms(zip(r.latents, full.latents).map { $0 - $1 }) / rms(full.latents))
    }
  }
}
