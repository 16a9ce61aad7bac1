import Checkpoints
import Foundation
import PortraitPipeline

/// What a job that was interrupted has left, for `inspect`.
struct WorkFolderReport: Encodable {
  struct Part: Encodable {
    let file: String
    let bytes: Int
    /// Steps that are done, of the latents.
    let steps: Int?
    /// Of the step in hand.
    let windows: Int?
    /// Of a folder.
    let files: Int?
  }

  let path: String
  let parts: [Part]

  /// - Returns: nil for a folder that no job has worked in.
  /// - Throws: `CheckpointError` for a damaged file.
  init?(_ folder: String) throws {
    let files = FileManager.default
    guard WorkFolder.isOne(folder) else { return nil }
    path = folder
    parts = try JobFile.allCases.map(\.rawValue).compactMap { name in
      let file = "\(folder)/\(name)"
      guard files.fileExists(atPath: file) else { return nil }
      let contents =
        JobFile.folders.contains { $0.rawValue == name }
        ? try files.contentsOfDirectory(atPath: file) : nil
      let bytes = (contents?.map { "\(file)/\($0)" } ?? [file]).reduce(0) { sum, path in
        // A run that goes on may have removed it by now.
        var status = stat()
        return lstat(path, &status) == 0 ? sum + Int(status.st_size) : sum
      }
      let place =
        name == JobFile.latents.rawValue
        ? DenoisingRecord.place(in: try Checkpoint.openFile(file)) : nil
      return Part(
        file: name, bytes: bytes, steps: place?.step, windows: place?.window,
        files: contents?.count)
    }
  }

  /// The report for people.
  var lines: [String] {
    var table = TextTable([.left, .right, .left], indent: "  ")
    for part in parts {
      var state = part.files.map { formatCount($0, "file") } ?? "done"
      if let steps = part.steps {
        state = "after step \(steps)"
        if let windows = part.windows, windows > 0 {
          state += " and \(formatCount(windows, "window"))"
        }
      }
      table.add(part.file, formatBytes(part.bytes), state)
    }
    if parts.isEmpty { return ["\(printable(path)): work folder of a job; nothing is done yet"] }
    return ["\(printable(path)): work folder of a job"] + table.lines
  }
}
