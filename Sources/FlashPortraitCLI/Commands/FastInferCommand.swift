import ArgumentParser

struct FastInferCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "fast-infer",
    abstract: "Animates a portrait as 'infer' does, in a part of its time.",
    discussion: """
      Unless flags or files say otherwise, a job runs in the 4 steps of the step-distillation LoRA \
      where this is among the checkpoints, else with Adaptive Latent Prediction, which computes \
      one of 5 steps; and it decodes with the tiny VAE where that is there. The plan tells what was \
      chosen and why. What is asked for and not there is an error.

      Everything else is as with 'infer': the plan, resuming, --jobs, the exit status.
      """)

  @OptionGroup(title: "Acceleration") var acceleration: AccelerationOptions
  @OptionGroup var options: JobOptions

  var machine: MachineOptions { options.machine }

  func run() throws { try JobSettings(options, acceleration: acceleration).run() }
}
