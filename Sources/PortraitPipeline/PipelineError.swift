import Layers

/// What the pipeline finds wrong with what it was asked for.
package enum PipelineError: Error, Equatable, CustomStringConvertible {
  /// A geometry file that cannot be read.
  case geometryUnreadable(path: String, reason: String)
  /// A key of a geometry file that no network has; `near` is one that may be meant.
  case unknownGeometryKey(path: String, key: String, near: String?)
  /// A value of a geometry file, or the file as a whole (`key` is nil).
  case geometryValue(path: String, key: String?, expected: String, found: String)
  /// Two networks that do not fit together.
  case inconsistentGeometry(key: String, value: Int, other: String, needed: Int)
  /// A file whose sizes no network can have, or that does not tell them.
  case unusableSizes(path: String, reason: NetworkError)
  /// A checkpoint of another network than its name says.
  case otherNetwork(path: String, expected: String, found: String)
  /// A file that would have to be replaced.
  case fileInTheWay(path: String)
  /// A parameter of a job that cannot work; `flag` is what the command line calls it.
  case parameter(flag: String, expected: String, found: String)
  /// Too little memory for a job in a memory mode; in bytes.
  case memory(mode: String, needed: Int, available: Int)
  /// Features that do not fit the job.
  case features(path: String, expected: String, found: String)
  /// A part of a job that is to be decoded before anything of it is there.
  case nothingKept(path: String)
  /// A work folder that another run uses.
  case workFolderBusy(path: String)
  /// A folder in which a file that no job has made has the name of one of ours.
  case noWorkFolder(path: String, file: String)
  /// A configuration or list of jobs that cannot be read.
  case configurationUnreadable(path: String, reason: String)
  /// A text that is no YAML, or more of it than is read.
  case notYAML(path: String, line: Int?, column: Int?, reason: String)
  /// A key that means nothing; `near` is one that may be meant.
  case unknownConfigurationKey(ConfigurationPlace, key: String, near: String?)
  /// Two keys that mean the same.
  case repeatedConfigurationKey(ConfigurationPlace, key: String, other: String)
  /// A value, or the file or job as a whole (`key` is nil).
  case configurationValue(
    ConfigurationPlace, key: String?, expected: String, found: String)
  /// A file that a configuration names.
  case configurationFileMissing(ConfigurationPlace, key: String, file: String)

  package var description: String {
    switch self {
    case .geometryUnreadable(let path, let reason): "\(path): \(reason)"
    case .unknownGeometryKey(let path, let key, let near):
      "\(path): no network has '\(key)'" + (near.map { "; did you mean '\($0)'?" } ?? "")
    case .geometryValue(let path, let key, let expected, let found):
      "\(path): \(key.map { "'\($0)': " } ?? "")expected \(expected), found \(found)"
    case .inconsistentGeometry(let key, let value, let other, let needed):
      "the networks do not fit together: '\(key)' is \(value), but '\(other)' asks for \(needed)"
    case .unusableSizes(let path, let reason): "\(path): \(reason)"
    case .otherNetwork(let path, let expected, let found):
      "\(path): expected the \(expected), found the \(found); is this the right file?"
    case .fileInTheWay(let path):
      "\(path): already exists with other content; give --overwrite to replace it, or "
        + "choose another folder"
    case .parameter(let flag, let expected, let found):
      "\(flag): expected \(expected), found \(found)"
    case .memory(let mode, let needed, let available):
      "--memory-mode \(mode): needs about \(needed / 1_000_000) MB of memory, "
        + "\(available / 1_000_000) MB are free; use "
        + (mode == MemoryMode.sequentialCPUOffload.rawValue
          ? "" : "\(MemoryMode.sequentialCPUOffload.rawValue), ")
        + "a smaller --max-size or a smaller --context-size"
    case .features(let path, let expected, let found):
      "\(path): expected \(expected), found \(found)"
    case .nothingKept(let path):
      "\(path): no step is finished yet, so there is nothing to decode; run at least one first, with "
        + "--stop-after-step 1"
    case .workFolderBusy(let path):
      "\(path): another run is using this folder; wait for it to end, or give another --work-dir"
    case .noWorkFolder(let path, let file):
      "\(path): holds '\(file)', which no job has made and which would be overwritten; move it, or "
        + "give another --work-dir"
    case .configurationUnreadable(let path, let reason): "\(path): \(reason)"
    case .notYAML(let path, let line, let column, let reason):
      path + (line.map { ":\($0)" } ?? "") + (column.map { ":\($0)" } ?? "") + ": \(reason)"
    case .unknownConfigurationKey(let place, let key, let near):
      "\(place): unknown key '\(key)'" + (near.map { "; did you mean '\($0)'?" } ?? "")
    case .repeatedConfigurationKey(let place, let key, let other):
      "\(place): '\(key)' and '\(other)' are the same; keep one of them"
    case .configurationValue(let place, let key, let expected, let found):
      "\(place): \(key.map { "'\($0)': " } ?? "")expected \(expected), found \(found)"
    case .configurationFileMissing(let place, let key, let file):
      "\(place): '\(key)': no such file: \(file)"
    }
  }

  /// Does something with a file's sizes; what a network finds wrong with them names the file.
  ///
  /// - Throws: `.unusableSizes`, and what else the body throws.
  static func naming<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let reason as NetworkError {
      throw PipelineError.unusableSizes(path: path, reason: reason)
    }
  }
}
