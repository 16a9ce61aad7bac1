import ArgumentParser

/// The command line's root: `flashportrait <command>`.
package struct FlashPortraitCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "flashportrait",
    abstract: "Animates a portrait with the motion and speech of a driving video.",
    version: "0.1.0")

  package init() {}
}
