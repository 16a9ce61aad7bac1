import Foundation
import TensorCore

/// Reads a list of jobs.
struct JobListReader {
  let path: String

  private static let jobLimit = 10_000

  /// - Throws: `PipelineError`.
  func read() throws -> (defaults: JobConfiguration, jobs: [JobList.Job]) {
    let root = try YAMLFile.root(of: path, folder: folder)
    var defaults = JobConfiguration()
    var list: [ConfigurationValue]?
    for (name, value) in try root.members() {
      switch name {
      case "defaults":
        try ConfigurationReader(scope: .defaults).read(value, into: &defaults)
      case "jobs": list = try value.elements()
      default:
        throw PipelineError.unknownConfigurationKey(
          value.place, key: name.printable, near: Self.nearest(name))
      }
    }
    guard let list, (1...Self.jobLimit).contains(list.count) else {
      throw PipelineError.configurationValue(
        root.place, key: "jobs", expected: "1 to \(Self.jobLimit) jobs",
        found: "\(list?.count ?? 0)")
    }
    var jobs: [JobList.Job] = []
    var writers: [String: Int] = [:]
    for (index, value) in list.enumerated() {
      let value = value.job(index + 1)
      let job = try self.job(value, index + 1, defaults)
      if let other = writers.updateValue(job.number, forKey: Self.standardized(job.output)) {
        throw PipelineError.configurationValue(
          value.place, key: "output", expected: "another file than job \(other) writes",
          found: job.output.printable)
      }
      jobs.append(job)
    }
    return (defaults, jobs)
  }

  private func job(
    _ value: ConfigurationValue, _ number: Int, _ defaults: JobConfiguration
  ) throws -> JobList.Job {
    var members = try value.members()
    var name: String?
    if let index = members.firstIndex(where: { $0.name == "name" }) {
      let value = members.remove(at: index).value
      name = value.isNull ? nil : try value.text()
    }
    var configuration = defaults
    try ConfigurationReader(scope: .job).read(members, into: &configuration)
    func missing(_ key: String, _ expected: String) -> PipelineError {
      .configurationValue(value.place, key: key, expected: expected, found: "nothing")
    }
    guard let image = configuration.image else { throw missing("image", "a picture") }
    guard let source = configuration.source else {
      throw missing("driven_video", "a video, or 'features'")
    }
    guard let output = configuration.outputPath else { throw missing("output", "an MP4 file") }
    return JobList.Job(
      number: number, name: name ?? URL(fileURLWithPath: output).lastPathComponent,
      configuration: configuration, image: image, source: source, output: output)
  }

  private var folder: String {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
    return path.contains("/") ? folder : "."
  }

  private static func standardized(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.path
  }

  private static func nearest(_ name: String) -> String? {
    ["defaults", "jobs"].first { $0.hasPrefix(name) || name.hasPrefix($0) }
  }
}
