import ArgumentParser

/// The command line's root: `flashportrait <command>`.
package struct FlashPortraitCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "flashportrait",
    abstract: "Animates a portrait with the motion and speech of a driving video.",
    discussion: """
      Results go to standard output, everything else to standard error.

      Exit status: 0 done; 64 wrong usage; 65 bad data; 66 input missing; 69 a part of the \
      machine is missing; 70 a bug of flashportrait; 73 the output cannot be created; 74 read or \
      write error, disk full; 130 and 143 interrupted.

      Environment: FLASHPORTRAIT_ISA=generic|neon|avx2|avx512|amx forces a lower instruction set.
      """,
    version: "0.1.0",
    subcommands: [
      InferCommand.self, FastInferCommand.self, FeaturesCommand.self, InspectCommand.self,
      ConvertCommand.self, SynthesizeCommand.self, RunOnnxCommand.self, DoctorCommand.self,
      BenchCommand.self,
    ])

  package static var _errorPrefix: String { "error: " }

  package init() {}
}
