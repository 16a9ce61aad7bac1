import ArgumentParser

/// How a long command tells of its progress.
package struct ReportingOptions: ParsableArguments {
  package enum LogFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    case text, json
  }

  @Option(help: "Report progress on standard error as text, or as one JSON object per line.")
  var logFormat: LogFormat = .text

  @Flag(name: .shortAndLong, help: "Print errors only.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Print details.")
  var verbose = false

  package init() {}

  package init(logFormat: LogFormat, quiet: Bool = false, verbose: Bool = false) {
    self.logFormat = logFormat
    self.quiet = quiet
    self.verbose = verbose
  }

  package func validate() throws {
    if quiet && verbose { throw ValidationError("--quiet and --verbose contradict each other") }
  }
}
