import Foundation

/// Programs that tests call: ffmpeg makes what we read, ffprobe looks at what we wrote.
package enum TestProgram {
  /// What a program that failed had to say.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// Runs a program of the search path.
  ///
  /// - Returns: what it wrote to standard output.
  /// - Throws: `Failure` where it is missing or ends with a status other than 0.
  @discardableResult
  package static func run(_ name: String, _ arguments: [String]) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [name] + arguments
    let output = Pipe()
    let errors = FileManager.default.temporaryDirectory
      .appendingPathComponent("flashportrait-test-\(UUID().uuidString).log")
    guard FileManager.default.createFile(atPath: errors.path, contents: nil) else {
      throw Failure(description: "\(errors.path) cannot be created")
    }
    defer { unlink(errors.path) }
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: errors)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let text = String(decoding: try Data(contentsOf: errors), as: UTF8.self)
      throw Failure(
        description: "\(name) \(arguments.joined(separator: " ")): \(text.suffix(2000))")
    }
    return data
  }

  /// Makes a file with ffmpeg, on one thread, so that several tests at once share the cores.
  package static func ffmpeg(_ arguments: [String]) throws {
    try run("ffmpeg", ["-v", "error", "-nostdin", "-y", "-threads", "1"] + arguments)
  }

  /// What ffprobe says about a file, as JSON.
  package static func ffprobe(_ path: String, _ arguments: [String]) throws -> [String: Any] {
    let data = try run("ffprobe", ["-v", "error", "-of", "json"] + arguments + [path])
    guard let json = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw Failure(description: "ffprobe wrote no object for \(path)")
    }
    return json
  }
}
