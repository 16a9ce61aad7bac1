/// Where something stands in a file, for messages.
package struct ConfigurationPlace: Sendable, Equatable, CustomStringConvertible {
  package var path: String
  /// From 1; nil for the file as a whole.
  package var line: Int?
  /// Number in a list of jobs, from 1.
  package var job: Int?

  package init(path: String, line: Int? = nil, job: Int? = nil) {
    self.path = path
    self.line = line
    self.job = job
  }

  package var description: String {
    path + (line.map { ":\($0)" } ?? "") + (job.map { ": job \($0)" } ?? "")
  }
}
