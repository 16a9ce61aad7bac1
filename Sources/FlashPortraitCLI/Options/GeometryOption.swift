import ArgumentParser
import PortraitPipeline

/// Sizes of the networks by name, or a file that changes some of them.
enum GeometrySource: ExpressibleByArgument, Equatable {
  case named(String)
  case file(String)

  init?(argument: String) {
    if ModelGeometry.named.contains(where: { $0.name == argument }) {
      self = .named(argument)
    } else if argument.hasSuffix(".json") {
      self = .file(argument)
    } else {
      return nil
    }
  }

  static let allValueStrings = ModelGeometry.named.map(\.name) + ["FILE.json"]

  /// The geometry, each network's sizes checked.
  ///
  /// - Throws: `PipelineError`, `NetworkError.configuration`.
  func load() throws -> ModelGeometry {
    switch self {
    case .named(let name):
      guard let named = ModelGeometry.named.first(where: { $0.name == name }) else {
        preconditionFailure("no geometry is called \(name)")
      }
      return named.geometry
    case .file(let path): return try ModelGeometry.read(path)
    }
  }
}

/// The geometry of a command that needs no files.
struct GeometryOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Sizes of the networks: 14b, 1.3b, tiny, or a file that changes some.",
      valueName: "name|file.json"),
    completion: .file(extensions: ["json"]))
  var geometry = GeometrySource.named("14b")
}
