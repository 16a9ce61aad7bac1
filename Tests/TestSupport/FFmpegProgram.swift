import Foundation

/// The `ffmpeg` program, which makes the videos of the tests and checks ours.
package enum FFmpegProgram {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// Runs it to its end, quietly.
  ///
  /// - Throws: `Failure` with what it printed.
  package static func run(_ arguments: String...) throws { try run(arguments) }

  /// Runs it to its end, quietly.
  ///
  /// - Throws: `Failure` with what it printed.
  package static func run(_ arguments: [String]) throws {
    let folder = try TemporaryFolder()
    let messages = try folder.write([], to: "messages")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      ["ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-y", "-threads", "2"] + arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle(forWritingAtPath: messages)
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let text = try String(contentsOfFile: messages, encoding: .utf8)
      throw Failure(description: "ffmpeg \(arguments.joined(separator: " ")): \(text)")
    }
  }

  /// Makes a video of the moving test picture.
  ///
  /// - Returns: the file's path.
  package static func testVideo(
    _ name: String, in folder: TemporaryFolder, source: String = "testsrc2=s=64x48:r=25:d=1",
    _ arguments: [String] = []
  ) throws -> String {
    let path = folder.file(name)
    try run(["-f", "lavfi", "-i", source] + arguments + [path])
    return path
  }
}
